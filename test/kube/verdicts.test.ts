import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { apiVersionOf, KINDS, type Kind, type UnknownObject, validateObject } from '../../src/resources/index.ts';
import { aigatewayCorpus } from './corpus-aigateway.ts';
import type { CorpusCase } from './corpus-case.ts';
import { corpus as otherCorpus } from './corpus-gateway.ts';
import { createRandom, generate, mergeOnto, mutations } from './generate.ts';
import { type KubeServer, startKube } from './server.ts';

const RANDOM_OBJECTS = 300;
const ACCEPTED_AT_LEAST = 10;
/** A published CRD has a maximum that its format cannot hold: the server then refuses every value. */
const CRD_CONTRADICTS_ITSELF = /boundary value must be of type integer with format/;
const corpus: readonly CorpusCase[] = [...aigatewayCorpus, ...otherCorpus];

/** Our verdict about every object, and what defaults make of it, must be the API server's. */
describe('verdicts of a real Kubernetes API server', function () {
  this.timeout(180_000);
  let server: KubeServer;

  before(async () => {
    const crdsScript = fileURLToPath(new URL('env/crds.sh', import.meta.url));
    const others = execFileSync(crdsScript, ['gateway-api', 'envoy-gateway'], { encoding: 'utf8' }).trim();
    const ours = fileURLToPath(new URL('../../config/crd', import.meta.url));
    server = await startKube([ours, `${others}/gateway-api`, `${others}/envoy-gateway`]);
  });
  after(() => server?.stop());

  it('agrees on metadata', async () => {
    for (const [plural, spec] of [
      ['gatewayconfigs', {}],
      ['configmaps', undefined],
      ['namespaces', undefined],
    ] as const) {
      const kind = KINDS.find((entry) => entry.plural === plural);
      if (!kind) throw new Error(`no kind ${plural}`);
      const objects = METADATA.map((metadata) => ({
        name: `${plural} ${JSON.stringify(metadata).slice(0, 200)}`,
        object: { apiVersion: apiVersionOf(kind), kind: kind.kind, metadata, ...(spec && { spec }) } as UnknownObject,
      }));
      const { disagreements } = await compare(server, kind, objects);
      expect(disagreements).to.deep.equal([]);
    }
  });

  for (const kind of KINDS) {
    describe(kind.kind, () => {
      const cases = corpus.filter(({ object }) => object.kind === kind.kind);

      it('agrees on the examples', async () => {
        expect(cases, 'examples').not.to.have.length(0);
        const { disagreements } = await compare(server, kind, cases);
        expect(disagreements).to.deep.equal([]);
      });

      it('agrees on the examples, each broken in every place', async () => {
        const broken = cases.filter((entry) => entry.valid).flatMap((entry) => breakCase(kind, entry));
        const { disagreements } = await compare(server, kind, broken);
        expect(disagreements).to.deep.equal([]);
      });

      it('agrees on random objects', async () => {
        const { disagreements, accepted } = await compare(server, kind, randomCases(kind, cases));
        expect(disagreements).to.deep.equal([]);
        expect(accepted).to.be.at.least(ACCEPTED_AT_LEAST);
      });
    });
  }
});

const METADATA: readonly unknown[] = [
  ...['a', 'a.b', 'a-b', '1', 'A', 'a_b', '-a', 'a.', 'a..b', 'a/b', 'é', 'a'.repeat(253), 'a'.repeat(254)].map(
    (name) => ({ name }),
  ),
  ...[{ a: 'b' }, { 'a/b': 'c' }, { 'a.example.com/b': '' }, { a: 'B_c.d-e' }].map((labels) => ({ name: 'a', labels })),
  ...[
    { 'a b': 'c' },
    { 'a/b/c': 'd' },
    { '/a': 'b' },
    { 'A/b': 'c' },
    { a: '-b' },
    { a: 'b c' },
    { '': 'a' },
    { a: 1 },
  ].map((labels) => ({ name: 'a', labels })),
  { name: 'a', labels: { ['a'.repeat(64)]: 'b' } },
  { name: 'a', labels: { a: 'b'.repeat(64) } },
  { name: 'a', labels: null, annotations: null },
  { name: 'a', labels: [] },
  { name: 'a', annotations: { 'A.b/C': 'any text\n' } },
  { name: 'a', annotations: { 'a b': 'c' } },
  { name: 'a', annotations: { a: 'b'.repeat(262_144) } },
  { name: 'a', annotations: { a: true } },
  { name: 5 },
  { name: 'a', bogus: 1 },
  { name: 'a', creationTimestamp: null, generation: 5, uid: 'a', resourceVersion: '', finalizers: ['a.example.com/b'] },
];

type Named = Pick<CorpusCase, 'name' | 'object' | 'field' | 'publishedCrdRefuses'>;

function breakCase(kind: Kind, { name, object, publishedCrdRefuses }: CorpusCase): Named[] {
  const { apiVersion, kind: kindName, metadata, ...body } = object;
  const broken: Named[] = [];
  for (const mutation of mutations(kind.schema, body)) {
    if (typeof mutation.value !== 'object' || mutation.value === null || Array.isArray(mutation.value)) continue;
    broken.push({
      name: `${name}${mutation.name}`,
      object: { ...mutation.value, apiVersion, kind: kindName, metadata },
      ...(publishedCrdRefuses !== undefined && { publishedCrdRefuses }),
    });
  }
  return broken;
}

/** Half of them all random, half valid examples with random fields added: rules let few of the former through. */
function randomCases(kind: Kind, cases: readonly CorpusCase[]): Named[] {
  const random = createRandom(KINDS.indexOf(kind) + 1);
  const valid = cases.filter((entry) => entry.valid && entry.publishedCrdRefuses === undefined);
  return Array.from({ length: RANDOM_OBJECTS }, (_, index) => {
    const density = [0.05, 0.2, 0.4][index % 3] ?? 0;
    const example = valid[Math.floor(random() * valid.length)]?.object;
    const whole = generate(kind.schema, random, { density }) as Record<string, unknown>;
    const { status: _status, ...body } = index % 2 === 0 ? whole : (mergeOnto(whole, example) as typeof whole);
    const metadata = { name: `random-${index}` };
    const object: UnknownObject = { ...body, apiVersion: apiVersionOf(kind), kind: kind.kind, metadata };
    return { name: `random ${index}`, object };
  });
}

async function compare(
  server: KubeServer,
  kind: Kind,
  objects: readonly Named[],
): Promise<{ disagreements: string[]; accepted: number }> {
  const disagreements: string[] = [];
  let accepted = 0;
  const queue = [...objects];
  const worker = async (): Promise<void> => {
    for (let next = queue.shift(); next; next = queue.shift()) {
      const verdict = await compareOne(server, kind, next);
      if (verdict.accepted) accepted++;
      if (verdict.problem !== undefined) disagreements.push(`${next.name}: ${verdict.problem.slice(0, 400)}`);
    }
  };
  await Promise.all(Array.from({ length: 8 }, worker));
  // A handful says enough; mocha shows no difference of a long list.
  return { disagreements: disagreements.slice(0, 12), accepted };
}

async function compareOne(
  server: KubeServer,
  kind: Kind,
  { object, field, publishedCrdRefuses }: Named,
): Promise<{ accepted: boolean; problem?: string }> {
  const { status, body } = await server.post(collectionPath(kind, object), object);
  const ours = validateObject(object, () => undefined);
  const accepted = status === 201;
  const said = ours.findings.map((finding) => `${finding.field} ${finding.message}`).join('; ');
  const causes = causesOf(body);
  // Core kinds are not checked by a schema: the server's words for their fields are others.
  const blamed = kind.group === '' || status !== 422 || causes.some((cause) => cause.startsWith(field ?? ''));
  if (!blamed) {
    return { accepted, problem: `the server blames ${causes.join(', ')}, not ${field}` };
  }
  if (![201, 400, 422].includes(status)) return { accepted, problem: `${status}: ${JSON.stringify(body)}` };
  if (accepted && !ours.valid) return { accepted, problem: `only we refuse it: ${said}` };
  if (!accepted && ours.valid && publishedCrdRefuses === undefined && !CRD_CONTRADICTS_ITSELF.test(`${body.message}`)) {
    return { accepted, problem: `only the server refuses it: ${body.message}` };
  }
  // The API server reads core kinds into its own types, which drop what is empty.
  if (!accepted || kind.group === '') return { accepted };
  const [theirs, mine] = [bodyOf(body), bodyOf(ours.object)];
  if (theirs !== mine) return { accepted, problem: `defaults differ: the server's ${theirs}, ours ${mine}` };
  return { accepted };
}

/** The fields that the server names in its refusal. */
function causesOf(body: Readonly<Record<string, unknown>>): string[] {
  const details = body.details as { causes?: readonly { field?: string }[] } | undefined;
  return (details?.causes ?? []).map(({ field }) => field ?? '');
}

function collectionPath(kind: Kind, object: UnknownObject): string {
  const base = kind.group === '' ? `/api/${object.apiVersion}` : `/apis/${object.apiVersion}`;
  const namespace = kind.namespaced ? '/namespaces/default' : '';
  return `${base}${namespace}/${kind.plural}?dryRun=All&fieldValidation=Strict`;
}

/** What the verdict is about, in one order of keys. */
function bodyOf(object: Readonly<Record<string, unknown>>): string {
  const { apiVersion: _version, kind: _kind, metadata: _metadata, status: _status, ...body } = object;
  return JSON.stringify(body, (_, value: unknown) => {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
    return Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)));
  });
}
