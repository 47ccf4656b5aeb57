import { expect } from 'chai';
import { DEFAULT_POLICY_OPTIONS, translate } from '../../../src/policy/index.ts';
import { readSources } from '../../../src/sources/index.ts';
import { gatewayYaml } from '../../envoy/support/objects.ts';

/** Mirror and findings of a route with this annotation. */
async function mirrorOf(text: string) {
  const yaml = gatewayYaml({
    port: 1975,
    backends: { a: { port: 8080, key: 'k' }, b: { port: 8081, key: 'k' }, keyless: { port: 8082, lacksSecret: true } },
    models: { m: { refs: ['a'], annotations: { 'headgate.dev/mirror': text } } },
  });
  const read = await readSources(['-'], { env: {}, stdin: async () => yaml });
  if (!read.ok) throw new Error(JSON.stringify(read.findings));
  const { ir, findings } = translate(read.set, DEFAULT_POLICY_OPTIONS);
  const [action] = ir.gateways.flatMap(({ listeners }) =>
    listeners.flatMap(({ chains }) =>
      chains.flatMap(({ hosts }) => hosts.flatMap(({ routes }) => routes[0]?.action ?? [])),
    ),
  );
  const of = findings.filter(({ object }) => object === 'AIGatewayRoute/default/m');
  return {
    mirror: action?.kind === 'inference' ? action.rule.mirror : 'no rule',
    backends: ir.gateways[0]?.backends.map(({ displayName }) => displayName),
    said: of.map(({ code, message }) => `${code} ${message}`),
  };
}

describe('policy: mirrors', () => {
  it('are a backend of the gateway, and all requests unless a share is said', async () => {
    const backend = 'AIServiceBackend/default/b';
    const { mirror, backends, said } = await mirrorOf('backend: b');
    expect({ mirror, said }).to.deep.equal({ mirror: { backend, percent: 100 }, said: [] });
    expect(backends).to.deep.equal(['default/a', 'default/b']);
    expect((await mirrorOf('{"backend": "b", "percent": 0.5, "modelNameOverride": "x"}')).mirror).to.deep.equal({
      backend,
      percent: 0.5,
      modelOverride: 'x',
    });
  });

  const WRONG = {
    '{': /not valid YAML/,
    b: /not an object/,
    '- backend: b': /not an object/,
    'percent: 5': /"backend" must be/,
    'backend: [b]': /"backend" must be/,
    'backend: b\nshare: 5': /"share" is not known/,
    'backend: b\npercent: 0': /"percent" must be/,
    'backend: b\npercent: 101': /"percent" must be/,
    'backend: b\npercent: "5"': /"percent" must be/,
    'backend: b\nmodelNameOverride: 5': /"modelNameOverride" must be/,
    'backend: b\nnamespace: ""': /"namespace" must be/,
    'backend: keyless': /keyless cannot be used/,
  };
  for (const [text, what] of Object.entries(WRONG)) {
    it(`leave the rule as it is for ${JSON.stringify(text)}, and say why`, async () => {
      const { mirror, backends, said } = await mirrorOf(text);
      expect(mirror).to.equal(undefined);
      expect(backends).to.deep.equal(['default/a']);
      expect(said.join('\n'))
        .to.match(/^HG0311 /)
        .and.match(what);
    });
  }

  it('need a grant for another namespace', async () => {
    const { mirror, said } = await mirrorOf('backend: b\nnamespace: other');
    expect(mirror).to.equal(undefined);
    expect(said.join('\n')).to.match(/^HG0201 /);
  });
});
