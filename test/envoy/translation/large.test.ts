import { expect } from 'chai';
import { type Fake, startAnthropic } from '../../fakes/index.ts';
import { loadTest } from '../../support/index.ts';
import { startTranslationRig, type TranslationRig } from './rig.ts';

const MODEL = 'claude-sonnet-4-5';

describe('large bodies by translation', function () {
  this.timeout(120_000);
  let fake: Fake;
  let rig: TranslationRig;

  beforeEach(async () => {
    fake = await startAnthropic({ name: 'anthropic', keys: ['sk-ant'] });
    rig = await startTranslationRig({
      backends: {
        anthropic: { port: fake.port, schema: { name: 'Anthropic' }, key: 'sk-ant', keyType: 'AnthropicAPIKey' },
      },
      models: { [MODEL]: { refs: ['anthropic'] } },
    });
  });
  afterEach(async () => {
    await rig?.stop();
    await fake?.close();
  });

  // Without the guard of the bootstrap Envoy ends with a segmentation fault.
  for (const [what, size, concurrency, total] of [
    ['64 of 200 KB', 200_000, 64, 192],
    ['16 of 20 MB', 20_000_000, 16, 16],
  ] as const) {
    it(`come in numbers while nothing is connected yet: ${what}`, async () => {
      const body = { model: MODEL, messages: [{ role: 'user', content: 'word '.repeat(size / 5) }] };
      const load = await loadTest({
        concurrency,
        total,
        makeRequest: () => ({ port: rig.port, path: '/v1/chat/completions', body, timeoutMs: 60_000 }),
      });
      expect(rig.gateway.envoy.hasExited, rig.gateway.envoy.log.slice(0, 4).join('\n')).to.equal(false);
      expect(load.errors).to.eql({});
      expect(load.byStatus).to.eql({ 200: total });
    });
  }
});
