import { expect } from 'chai';
import { type Fake, startAnthropic } from '../../fakes/index.ts';
import { loadTest } from '../../support/index.ts';
import { startTranslationRig, type TranslationRig } from './rig.ts';

const MODEL = 'claude-sonnet-4-5';
const TOTAL = 10_000;

describe('translation under load', function () {
  this.timeout(240_000);
  let fake: Fake;
  let rig: TranslationRig;

  before(async () => {
    fake = await startAnthropic({ name: 'anthropic', keys: ['sk-ant'] });
    rig = await startTranslationRig({
      backends: {
        anthropic: { port: fake.port, schema: { name: 'Anthropic' }, key: 'sk-ant', keyType: 'AnthropicAPIKey' },
      },
      models: { [MODEL]: { refs: ['anthropic'] } },
    });
  });
  after(async () => {
    await rig?.stop();
    await fake?.close();
  });

  it('fails no request of 10,000 at 64, every other one a stream, on one connection', async () => {
    const load = await loadTest({
      concurrency: 64,
      total: TOTAL,
      makeRequest: (index) => ({
        port: rig.port,
        path: '/v1/chat/completions',
        body: { model: MODEL, messages: [{ role: 'user', content: 'hi' }], stream: index % 2 === 0 },
      }),
      onResponse(response, index) {
        if (index % 2 === 0) expect(response.text).to.match(/data: \[DONE\]\n\n$/);
        else expect(response.json).to.have.property('object', 'chat.completion');
      },
    });
    expect(load.errors).to.eql({});
    expect(load.byStatus).to.eql({ 200: TOTAL });
    expect(rig.bugs).to.eql([]);
    const { envoy } = rig.gateway;
    expect(await envoy.stat('cluster.headgate_processor.upstream_cx_total')).to.equal(1);
    expect(await envoy.stat('cluster.headgate_processor.upstream_cx_destroy')).to.equal(0);
    expect(rig.processor.metrics()).to.match(/headgate_processor_exchanges 0\n/);
  });

  it('answers 503 at once where too much is asked of it', async () => {
    const few = await startTranslationRig(
      {
        backends: {
          anthropic: { port: fake.port, schema: { name: 'Anthropic' }, key: 'sk-ant', keyType: 'AnthropicAPIKey' },
        },
        models: { [MODEL]: { refs: ['anthropic'] } },
      },
      { maxExchanges: 4 },
    );
    try {
      fake.fault = () => ({ delayMs: 300 });
      const bodies: unknown[] = [];
      const load = await loadTest({
        concurrency: 64,
        total: 64,
        makeRequest: () => ({
          port: few.port,
          path: '/v1/chat/completions',
          body: { model: MODEL, messages: [{ role: 'user', content: 'hi' }] },
        }),
        onResponse: (response) => void (response.status === 503 && bodies.push(response.json)),
      });
      expect(load.byStatus).to.eql({ 200: 4, 503: 60 });
      for (const body of bodies) expect(body).to.have.nested.property('error.type', 'server_error');
    } finally {
      await fake.reset();
      await few.stop();
    }
  });
});
