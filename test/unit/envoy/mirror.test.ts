import { expect } from 'chai';
import { capabilitiesOf, compileGateway, DEFAULT_COMPILE_OPTIONS, NEWEST_ENVOY } from '../../../src/envoy/index.ts';
import { DEFAULT_POLICY_OPTIONS, translate } from '../../../src/policy/index.ts';
import { readSources } from '../../../src/sources/index.ts';
import { gatewayYaml } from '../../envoy/support/objects.ts';

describe('a mirror that cannot be asked', () => {
  const policy = { type: 'GCPCredentials', gcpCredentials: { projectName: 'p', region: 'r' } };
  const yaml = gatewayYaml({
    port: 1975,
    backends: { a: { port: 8080, key: 'k' }, cloud: { port: 8081, schema: { name: 'GCPVertexAI' }, policy } },
    models: { m: { refs: ['a'], annotations: { 'headgate.dev/mirror': 'backend: cloud' } } },
  });

  /** Findings, and whether anything is mirrored. */
  async function compiled(tokens: boolean, version = NEWEST_ENVOY, extensions?: readonly string[]) {
    const read = await readSources(['-'], { env: {}, stdin: async () => yaml });
    if (!read.ok) throw new Error(JSON.stringify(read.findings));
    const { ir, secrets, tokenSources } = translate(read.set, DEFAULT_POLICY_OPTIONS);
    const [gateway] = ir.gateways;
    if (gateway === undefined) throw new Error('no gateway');
    const fetched = tokens
      ? [...tokenSources.keys()].map((name) => [name, { kind: 'generic', value: 't' }] as const)
      : [];
    const all = new Map([...secrets, ...fetched]);
    const { resources, findings } = compileGateway(
      gateway,
      all,
      capabilitiesOf(version, extensions),
      DEFAULT_COMPILE_OPTIONS,
    );
    return { codes: findings.map(({ code }) => code), mirrors: JSON.stringify(resources).includes('/mirror') };
  }

  it('is left out with its cluster until its token is there', async () => {
    expect(await compiled(false)).to.deep.equal({ codes: [], mirrors: false });
    expect(await compiled(true)).to.deep.equal({ codes: [], mirrors: true });
  });

  it('is left out on Envoys without internal listeners before 1.40, which is said', async () => {
    expect(await compiled(true, '1.39.3')).to.deep.equal({ codes: [], mirrors: true });
    const { codes, mirrors } = await compiled(true, '1.39.3', [
      'envoy.filters.http.lua',
      'envoy.filters.http.credential_injector',
    ]);
    expect(codes).to.include('HG0602').and.not.include('HG0701');
    expect(mirrors).to.equal(false);
  });
});
