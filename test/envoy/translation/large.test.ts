import { expect } from 'chai';
import type { ConfigBootstrapV3Bootstrap } from '../../../src/envoy/schema/index.ts';
import { type Fake, startAnthropic } from '../../fakes/index.ts';
import type { GatewayOptions } from '../../support/gateway.ts';
import { loadTest, until } from '../../support/index.ts';
import { startTranslationRig, type TranslationRig } from './rig.ts';

const MODEL = 'claude-sonnet-4-5';

/** A bootstrap of one's own, with these layers of runtime values. */
function withLayers(...layers: object[]): (bootstrap: ConfigBootstrapV3Bootstrap) => ConfigBootstrapV3Bootstrap {
  return ({ node, ...bootstrap }) => ({
    ...bootstrap,
    node: { id: node?.id ?? '', cluster: node?.cluster ?? '' },
    layered_runtime: { layers: layers as never },
  });
}

const BY_RTDS = withLayers({
  name: 'headgate',
  rtds_layer: { name: 'headgate', rtds_config: { ads: {}, resource_api_version: 'V3' } },
});

describe('large bodies by translation', function () {
  this.timeout(120_000);
  let fake: Fake;
  let rig: TranslationRig;

  const start = async (more: Partial<GatewayOptions> = {}): Promise<void> => {
    fake = await startAnthropic({ name: 'anthropic', keys: ['sk-ant'] });
    rig = await startTranslationRig(
      {
        backends: {
          anthropic: { port: fake.port, schema: { name: 'Anthropic' }, key: 'sk-ant', keyType: 'AnthropicAPIKey' },
        },
        models: { [MODEL]: { refs: ['anthropic'] } },
      },
      {},
      more,
    );
  };
  afterEach(async () => {
    await rig?.stop();
    await fake?.close();
  });

  // Without the guard of the bootstrap Envoy ends with a segmentation fault.
  const cases = [
    ['64 of 200 KB', 200_000, 64, 192, {}],
    ['16 of 20 MB', 20_000_000, 16, 16, {}],
    ['64 of 200 KB, by a bootstrap that asks for the values', 200_000, 64, 192, { bootstrap: BY_RTDS }],
    ['the same in SotW', 200_000, 64, 192, { bootstrap: BY_RTDS, delta: false }],
  ] as const;
  for (const [what, size, concurrency, total, more] of cases) {
    it(`come in numbers while nothing is connected yet: ${what}`, async () => {
      await start(more);
      const body = { model: MODEL, messages: [{ role: 'user', content: 'word '.repeat(size / 5) }] };
      const load = await loadTest({
        concurrency,
        total,
        makeRequest: () => ({ port: rig.port, path: '/v1/chat/completions', body, timeoutMs: 90_000 }),
      });
      expect(rig.gateway.envoy.hasExited, rig.gateway.envoy.log.slice(0, 4).join('\n')).to.equal(false);
      expect(load.errors).to.eql({});
      expect(load.byStatus).to.eql({ 200: total });
      expect(rig.gateway.findings()).to.eql([]);
      expect(await rig.gateway.envoy.rejectedUpdates()).to.eql({});
    });
  }

  it('are a finding for an Envoy that has not got the value, as far as it tells', async () => {
    await start({ bootstrap: withLayers({ name: 'admin', admin_layer: {} }) });
    const found = await until(() => rig.gateway.findings()[0], { what: 'the finding' });
    expect(found).to.match(/warning\[HG0603\]: Gateway\/default\/gw: Envoy test may end/);
  });
});
