import { mkdir, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { expect } from 'chai';
import fc from 'fast-check';
import { stringify } from 'yaml';
import { readSources } from '../../src/sources/index.ts';
import { createScratch, read, type Scratch } from '../unit/sources/fixtures.ts';

/** What a document may hold: all of JSON but the key `__proto__`, which the reader refuses wherever it stands. */
const fieldValue = fc
  .jsonValue({ maxDepth: 3, noUnicodeString: false })
  .filter((value) => !JSON.stringify(value).includes('"__proto__":'));

const objects = fc.uniqueArray(
  fc.record({
    name: fc.stringMatching(/^[a-z][a-z0-9-]{0,8}$/),
    kind: fc.constantFrom('Backend', 'Secret', 'Gateway'),
    spec: fc.dictionary(
      fc.stringMatching(/^[a-z]{1,6}$/).filter((key) => key !== 'bad'),
      fieldValue,
      { maxKeys: 4 },
    ),
  }),
  { minLength: 1, maxLength: 8, selector: ({ name, kind }) => `${kind}/${name}` },
);

function asObject({ name, kind, spec }: { name: string; kind: string; spec: unknown }): object {
  return { apiVersion: 'example.com/v1', kind, metadata: { name }, spec };
}

/** `$` begins a variable. */
function escaped(text: string): string {
  return text.replaceAll('${', '$ {');
}

describe('sources', function () {
  this.timeout(60_000);
  let scratch: Scratch;
  let run = 0;
  beforeEach(async () => {
    scratch = await createScratch();
  });
  afterEach(() => scratch.remove());

  it('give one revision hash however objects are ordered, split into files and laid out', async () => {
    const layout = fc.tuple(objects, fc.array(fc.nat(), { minLength: 8, maxLength: 8 }), fc.infiniteStream(fc.nat(3)));
    await fc.assert(
      fc.asyncProperty(layout, async ([list, order, files]) => {
        const one = scratch.path(`one-${run}`);
        const many = scratch.path(`many-${run}`);
        run += 1;
        await mkdir(one);
        await writeFile(
          `${one}/all.yaml`,
          list.map((item) => `---\n${escaped(stringify(asObject(item), { version: '1.1' }))}`).join(''),
        );
        const shuffled = list.map((item, i) => ({ item, at: order[i] ?? 0 })).sort((a, b) => a.at - b.at);
        const texts = new Map<string, string>();
        for (const { item } of shuffled) {
          const file = `${many}/${['a.yaml', 'b.yml', 'c/d.yaml', 'c/e/f.yaml'][files.next().value ?? 0]}`;
          const text = escaped(JSON.stringify(asObject(item)));
          texts.set(file, `${texts.get(file) ?? ''}# comment\n---\n${text}\n`);
        }
        for (const [file, text] of texts) {
          await mkdir(dirname(file), { recursive: true });
          await writeFile(file, text);
        }
        const a = await read([one]);
        const b = await read([many]);
        if (!a.ok || !b.ok) throw new Error(JSON.stringify([a, b]));
        expect(a.set.objects.length).to.equal(list.length);
        expect(b.set.revision.hash).to.equal(a.set.revision.hash);
        expect(b.set.objects.map((object) => object.id)).to.deep.equal(a.set.objects.map((object) => object.id));
      }),
      { numRuns: 60 },
    );
  });

  it('never throw, whatever a file holds, and every finding has a place in it', async () => {
    const piece = fc.oneof(
      fc.string(),
      fc.string({ unit: 'binary' }),
      fc.constantFrom(
        ...[
          '---\n',
          '\n',
          ': ',
          '- ',
          '? ',
          '{',
          '}',
          '[',
          ']',
          '"',
          "'",
          '|\n ',
          '>-\n  ',
          '&a ',
          '*a',
          '<<: ',
          '!!str ',
        ],
        ...['apiVersion: v1\n', 'kind: List\n', 'kind: Secret\n', 'items:\n', 'metadata: ', '{name: a}\n', 'spec:\n'],
        'apiVersion: aigateway.envoyproxy.io/v1beta1\nkind: AIGatewayRoute\nmetadata: {name: a}\nspec:\n  rules: ',
        'apiVersion: v1\nkind: Secret\nmetadata: {name: a}\nstringData:\n  ',
        ...['${A}', '${B:=x}', '$${A}', '\t', '#', '%YAML 1.1\n', '...\n', '\u0000', '\uFEFF', 'data: {k: v}\n'],
      ),
    );
    const texts = fc.oneof(
      fc.array(piece, { maxLength: 30 }).map((pieces) => Buffer.from(pieces.join(''))),
      fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes)),
    );
    const file = scratch.path('fuzz.yaml');
    await fc.assert(
      fc.asyncProperty(texts, fc.boolean(), async (bytes, strict) => {
        await writeFile(file, bytes);
        const result = await readSources([file], { env: { A: '[1, {a: b' }, strict });
        const findings = result.ok ? result.set.findings : result.findings;
        if (!result.ok) expect(findings.some((finding) => finding.level === 'error')).to.equal(true);
        for (const { place } of findings) {
          expect(place?.file).to.equal(file);
          expect(place?.line).to.be.greaterThan(0);
          expect(place?.column).to.be.greaterThan(0);
        }
      }),
      { numRuns: 500 },
    );
  });
});
