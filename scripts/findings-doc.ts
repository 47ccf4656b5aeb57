/** Writes docs/findings.md from the catalogue of findings: `npx tsx scripts/findings-doc.ts`. */
import { writeFileSync } from 'node:fs';
import { pathToFileURL } from 'node:url';
import { FINDING_CODES } from '../src/lib/findings.ts';

export const FINDINGS_DOC = 'docs/findings.md';

/** What codes of a group are about, and what becomes of the object. */
const GROUPS: readonly { readonly prefix: string; readonly title: string; readonly effect: string }[] = [
  {
    prefix: 'HG01',
    title: 'Reading and schema',
    effect:
      'A file that cannot be read for what it is (HG0101, HG0102, HG0104, HG0105, HG0109) refuses the whole revision, and the last good one keeps serving. Anything else isolates the object: its traffic is answered with 500, the rest is served.',
  },
  {
    prefix: 'HG02',
    title: 'References and attachment',
    effect:
      'What refers to the missing or forbidden object does without it; traffic that needs it is answered with 500.',
  },
  {
    prefix: 'HG03',
    title: 'Routes and backends',
    effect: 'The rule or backend is answered with 500, or with 501 where only translation is missing.',
  },
  {
    prefix: 'HG04',
    title: 'Credentials',
    effect: 'A backend without a usable credential is left out of its rules.',
  },
  {
    prefix: 'HG05',
    title: 'Costs and limits',
    effect:
      'What nobody would count is not served: a limit, quota, cost or price that is not valid closes the routes or backends that it is about (500). Where a finding says so, something is left out instead, and requests are served.',
  },
  {
    prefix: 'HG06',
    title: 'What an Envoy cannot serve',
    effect: 'Holds for the Envoys named by the finding alone; newer ones serve the route in full.',
  },
  {
    prefix: 'HG07',
    title: 'The compiled result',
    effect: 'Not a mistake of yours: please report it. A proxy that rejects a resource keeps the one it had.',
  },
  {
    prefix: 'HG08',
    title: 'The source as a whole',
    effect: 'The revision is not taken over; the last good one keeps serving.',
  },
];

const INTRO = `# Findings

A finding says what is wrong with your input, or worth knowing about it. Commands print one line for each:

\`\`\`
FILE:LINE:COLUMN: LEVEL[CODE]: KIND/NAMESPACE/NAME: FIELD: MESSAGE (HINT)
\`\`\`

\`LEVEL\` is \`error\`, \`warning\` or \`info\`; with \`--strict\` an error refuses the whole input. Codes are never reused, so
they are safe to search for and to filter by. This page is made from the catalogue in \`src/lib/findings.ts\` by
\`npx tsx scripts/findings-doc.ts\`.
`;

/** The text of docs/findings.md. Errors: throws where a code belongs to no group. */
export function findingsDoc(): string {
  const codes = Object.entries(FINDING_CODES).sort(([a], [b]) => (a < b ? -1 : 1));
  const lost = codes.find(([code]) => !GROUPS.some(({ prefix }) => code.startsWith(prefix)));
  if (lost) throw new Error(`${lost[0]} belongs to no group of findings`);
  const groups = GROUPS.map(({ prefix, title, effect }) => {
    const rows = codes.filter(([code]) => code.startsWith(prefix)).map(([code, meaning]) => `| ${code} | ${meaning} |`);
    return `## ${prefix}xx: ${title}\n\n${effect}\n\n| Code | Meaning |\n| --- | --- |\n${rows.join('\n')}\n`;
  });
  return [INTRO, ...groups].join('\n');
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) writeFileSync(FINDINGS_DOC, findingsDoc());
