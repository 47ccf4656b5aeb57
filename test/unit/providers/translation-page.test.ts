import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { API_ENDPOINTS, type EndpointName, type ProviderSchema } from '../../../src/ir/index.ts';
import { PROVIDER_SCHEMAS, servesNatively } from '../../../src/providers/index.ts';
import { translates } from '../../../src/providers/translated-endpoints.ts';
import {
  CHAT_ALONE,
  goldenTargetsOf,
  TRANSLATE_FOLDER,
  targetsOf,
  translateSources,
} from '../../golden/translate-golden.ts';

const PAGE = new URL('../../../docs/translation.md', import.meta.url).pathname;

/** The tables of the page, by the name in their marks. */
const TABLES: Readonly<Record<string, () => string>> = { matrix: matrixTable, unsupported: unsupportedTable };

function table(rows: readonly (readonly string[])[]): string {
  const [head = [], ...rest] = rows;
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  return [line(head), line(head.map(() => '---')), ...rest.map(line)].join('\n');
}

function cell(endpoint: EndpointName, schema: ProviderSchema): string {
  if (servesNatively(endpoint, schema)) return 'as it is';
  return translates(endpoint, schema) ? 'translated' : '–';
}

function matrixTable(): string {
  const rows = API_ENDPOINTS.map(({ name, path }) => [
    `\`/${path}\``,
    ...PROVIDER_SCHEMAS.map((schema) => cell(name, schema)),
  ]);
  return table([['', ...PROVIDER_SCHEMAS], ...rows]);
}

/** What the goldens of a pair name as unsupported. */
function reportedOf(endpoint: EndpointName, who: string): string[] {
  const folder = join(TRANSLATE_FOLDER, endpoint);
  const files = readdirSync(folder).filter((file) => file.endsWith(`.${who}.golden`));
  const fields = files.flatMap((file) =>
    [...readFileSync(join(folder, file), 'utf8').matchAll(/^\(unsupported\) (.+)$/gm)].map(([, field]) => field ?? ''),
  );
  // What no API knows is reported everywhere.
  return [...new Set(fields)].filter((field) => field !== 'made_up' && !field.startsWith('anthropic-beta')).sort();
}

function unsupportedTable(): string {
  const rows = translateSources().flatMap(([endpoint]) =>
    goldenTargetsOf(endpoint).map((who) => {
      const fields = reportedOf(endpoint, who);
      return [
        endpoint,
        who === CHAT_ALONE ? 'OpenAI, chat alone' : who,
        fields.length === 0 ? 'nothing' : fields.map((field) => `\`${field}\``).join(', '),
      ];
    }),
  );
  return table([['Endpoint', 'Provider', 'Reported'], ...rows]);
}

describe('the page on translation', () => {
  for (const [name, write] of Object.entries(TABLES)) {
    it(`holds the table '${name}' as it is`, () => {
      const page = readFileSync(PAGE, 'utf8');
      const marks = new RegExp(`(<!-- ${name}: begin[^\n]*-->\n)[^]*?(<!-- ${name}: end -->)`);
      expect(page).to.match(marks);
      const wanted = page.replace(marks, (_, begin: string, end: string) => `${begin}${write()}\n${end}`);
      if (process.env.UPDATE_GOLDEN === '1') writeFileSync(PAGE, wanted);
      expect(readFileSync(PAGE, 'utf8')).to.equal(wanted);
    });
  }

  it('has a payload for every endpoint that is translated', () => {
    const sources = translateSources().map(([endpoint]) => endpoint);
    const translated = API_ENDPOINTS.map(({ name }) => name).filter((name) => targetsOf(name).length > 0);
    expect([...sources].sort()).to.deep.equal([...translated].sort());
  });
});
