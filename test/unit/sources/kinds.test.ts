import { expect } from 'chai';
import { readSources } from '../../../src/sources/index.ts';
import { codes, createScratch, findingsOf, names, type Scratch } from './fixtures.ts';

const SECRET = `apiVersion: v1
kind: Secret
metadata:
  name: key
type: sk-live-hush
data:
  apiKey: not-base64-hush!
stringData:
  number: 12345678
  list: [hush]
`;

describe('readSources with the real kinds', () => {
  let scratch: Scratch;
  beforeEach(async () => {
    scratch = await createScratch();
  });
  afterEach(() => scratch.remove());

  it('applies defaults after the hash is taken, and fills in the namespace', async () => {
    const backend = (more: string): string =>
      `apiVersion: gateway.envoyproxy.io/v1alpha1\nkind: Backend\nmetadata:\n  name: a\nspec:\n${more}  endpoints:\n    - ip: {address: 127.0.0.1, port: 80}\n`;
    await scratch.write('a.yaml', backend(''));
    await scratch.write('b.yaml', backend('  type: Endpoints\n'));
    const [a, b] = await Promise.all(
      ['a', 'b'].map((name) => readSources([scratch.path(`${name}.yaml`)], { env: {}, strict: true })),
    );
    if (!a?.ok || !b?.ok) throw new Error('refused');
    expect(a.set.objects[0]?.object).to.deep.equal(b.set.objects[0]?.object);
    expect(a.set.objects[0]?.id.namespace).to.equal('default');
    expect(a.set.revision.hash).not.to.equal(b.set.revision.hash);
  });

  it('isolates an object that breaks its schema, with places, and ignores other kinds', async () => {
    await scratch.write(
      'a.yaml',
      `apiVersion: gateway.envoyproxy.io/v1alpha1
kind: Backend
metadata:
  name: broken
spec:
  endpoints:
    - ip: {address: 127.0.0.1, port: eighty}
---
apiVersion: gateway.networking.k8s.io/v1
kind: GatewayClass
metadata: {name: good}
spec: {controllerName: example.com/controller}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
`,
    );
    const result = await readSources([scratch.root], { env: {} });
    expect(names(result)).to.deep.equal(['broken', 'good']);
    expect(result.ok && result.set.objects.map(({ valid, id }) => [valid, id.namespace])).to.deep.equal([
      [false, 'default'],
      [true, ''],
    ]);
    expect(codes(result, scratch.root)).to.deep.equal(['HG0106 a.yaml:7:38', 'HG0110 a.yaml:15:7']);
    expect((await readSources([scratch.root], { env: {}, strict: true })).ok).to.equal(false);
  });

  it('tolerates unknown fields when told to', async () => {
    const text = 'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndatta: {}\n';
    const read = (ignoreUnknown: boolean) =>
      readSources(['-'], { env: {}, strict: true, ignoreUnknown, stdin: async () => text });
    expect(codes(await read(false))).to.deep.equal(['HG0108 -:4:1']);
    expect(names(await read(true))).to.deep.equal(['a']);
  });

  it('says what is wrong with a Secret without its values', async () => {
    await scratch.write('s.yaml', SECRET);
    const result = await readSources([scratch.root], { env: {} });
    const findings = findingsOf(result);
    expect(findings.map(({ field }) => field).sort()).to.deep.equal([
      'data.apiKey',
      'stringData.list',
      'stringData.number',
    ]);
    expect(JSON.stringify(findings)).not.to.match(/hush|12345678/);
  });
});
