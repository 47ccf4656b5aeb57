import { expect } from 'chai';
import { routeForms } from '../../../src/cli/route-forms.ts';
import { capabilitiesOf, compileGateway, DEFAULT_COMPILE_OPTIONS } from '../../../src/envoy/index.ts';
import { DEFAULT_POLICY_OPTIONS, translate } from '../../../src/policy/index.ts';
import { readSources } from '../../../src/sources/index.ts';
import { type GatewayFacts, gatewayYaml } from '../../envoy/support/objects.ts';

const PROCESSOR = { address: { kind: 'unix', path: '/run/processor.sock' } } as const;

async function compiled(facts: Omit<GatewayFacts, 'port'>, version: string, extensions?: readonly string[]) {
  const read = await readSources(['-'], { env: {}, stdin: async () => gatewayYaml({ port: 1975, ...facts }) });
  if (!read.ok) throw new Error(JSON.stringify(read.findings));
  const { ir, secrets } = translate(read.set, DEFAULT_POLICY_OPTIONS);
  const [gateway] = ir.gateways;
  if (gateway === undefined) throw new Error('no gateway');
  const options = { ...DEFAULT_COMPILE_OPTIONS, processor: PROCESSOR };
  const { resources, findings } = compileGateway(gateway, secrets, capabilitiesOf(version, extensions), options);
  const forms = routeForms(gateway, resources, version).map(({ form }) => form);
  return { forms, said: findings.map(({ code, message }) => `${code} ${message.replace(/^.*?: | \(Envoy .*$/g, '')}`) };
}

describe('the form for Envoys before 1.40', () => {
  const a = { port: 8080, key: 'sk-a' };
  const cloud = { port: 8081, key: 'k', schema: { name: 'GCPVertexAI' } };
  const breaker = { policy: { circuitBreaker: { maxParallelRetries: 3 } } };

  it('says of a rule what it leaves out', async () => {
    const annotations = { 'headgate.dev/mirror': 'backend: b' };
    const facts = { backends: { a, b: a }, models: { m: { refs: ['a', 'b'], annotations, ...breaker } } };
    expect(await compiled(facts, '1.38.3')).to.deep.equal({
      forms: ['older'],
      said: ['HG0602 the limit on parallel retries at default/a, default/b has no effect'],
    });
    expect(await compiled(facts, '1.40.0')).to.deep.equal({ forms: ['native'], said: [] });
  });

  it('translates what it has to, and refuses that where Envoy cannot', async () => {
    const facts = { backends: { cloud, a }, models: { m: { refs: ['cloud'] }, n: { refs: ['a', 'cloud'] } } };
    expect(await compiled(facts, '1.36.4')).to.deep.equal({ forms: ['translated', 'older'], said: [] });
    const { forms, said } = await compiled(facts, '1.36.4', [
      'envoy.filters.http.lua',
      'envoy.filters.http.credential_injector',
      'envoy.bootstrap.internal_listener',
    ]);
    expect(forms).to.deep.equal(['501', 'older']);
    expect(said.map((one) => one.slice(0, 6)).sort()).to.deep.equal(['HG0601', 'HG0602']);
    expect(said.join())
      .to.match(/it lacks external processing/)
      .and.to.match(/nothing is translated for default\//);
  });
});
