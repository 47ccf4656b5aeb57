import { expect } from 'chai';
import { checkResources } from '../../../src/envoy/check-resources.ts';
import {
  type Capabilities,
  capabilitiesOf,
  compileGateway,
  DEFAULT_COMPILE_OPTIONS,
  NEWEST_ENVOY,
} from '../../../src/envoy/index.ts';
import { goldenNames, readGolden } from '../../golden/envoy-golden.ts';

/** What shows in compiled resources that a feature is used. */
const TRACES = {
  lua_filter_context: '"shared_vm_id"',
  priority_group: 'PriorityGroupClusterSpecifier',
  credential_injector: 'CredentialInjector',
  forward_proxy: 'Http11ProxyUpstreamTransport',
} as const;

/** What an Envoy without them is given something else for. */
const REPLACED: ReadonlySet<string> = new Set(['lua_filter_context', 'priority_group']);

type Feature = keyof typeof TRACES;

function without(feature: Feature): Capabilities {
  const { features, ...rest } = capabilitiesOf(NEWEST_ENVOY);
  return { ...rest, features: new Set([...features].filter((one) => one !== feature)) };
}

describe('capabilities of an Envoy', () => {
  it('go by its version', () => {
    const lacks = (version: string): string[] =>
      [...capabilitiesOf(NEWEST_ENVOY).features].filter((one) => !capabilitiesOf(version).features.has(one));
    expect(lacks('1.40.0')).to.deep.equal([]);
    expect(lacks('1.41.2')).to.deep.equal([]);
    expect(lacks('1.39.3')).to.include.members(['lua_filter_context', 'priority_group']);
    expect(lacks('1.39.3')).not.to.include('forward_proxy');
    expect(lacks('1.36.4')).to.include.members(['credential_prefix', 'forward_proxy']);
    expect(lacks('unknown')).to.have.length(capabilitiesOf(NEWEST_ENVOY).features.size);
  });

  it('go by the extensions it names', () => {
    const { features } = capabilitiesOf(NEWEST_ENVOY, ['envoy.filters.http.lua', 'envoy.filters.http.router']);
    expect([...features]).to.deep.equal(['lua_filter_context', 'lua', 'body_limit']);
  });

  it('are the same for Envoys that can do the same', () => {
    expect(capabilitiesOf('1.40.0').key).to.equal(capabilitiesOf('1.40.3').key);
    expect(capabilitiesOf('1.40.0').key).not.to.equal(capabilitiesOf('1.39.3').key);
  });

  for (const [feature, trace] of Object.entries(TRACES) as [Feature, string][]) {
    it(`without ${feature} nothing is sent that needs it, and what is lost is said`, async () => {
      let used = 0;
      for (const name of goldenNames()) {
        const { ir, secrets } = await readGolden(name);
        for (const gateway of ir.gateways) {
          const full = compileGateway(gateway, secrets, capabilitiesOf(NEWEST_ENVOY), DEFAULT_COMPILE_OPTIONS);
          const reduced = compileGateway(gateway, secrets, without(feature), DEFAULT_COMPILE_OPTIONS);
          expect(JSON.stringify(reduced.resources), name).not.to.contain(trace);
          expect(checkResources(reduced.resources), name).to.deep.equal([]);
          if (!JSON.stringify(full.resources).includes(trace)) continue;
          used++;
          const servesModels = gateway.listeners.some(({ chains }) =>
            chains.some(({ hosts }) =>
              hosts.some(({ routes }) => routes.some(({ action }) => action.kind === 'inference')),
            ),
          );
          if (REPLACED.has(feature)) continue;
          const said = reduced.findings.some(({ code }) => code === 'HG0601');
          expect(said, name).to.equal(servesModels);
        }
      }
      expect(used).to.be.greaterThan(0);
    });
  }
});
