import { expect } from 'chai';
import { type Fake, startAnthropic } from '../../fakes/index.ts';
import { startTranslationRig, type TranslationRig } from './rig.ts';

describe('what users say of translation, through Envoy', function () {
  this.timeout(60_000);
  let fake: Fake;
  let rig: TranslationRig;

  before(async () => {
    fake = await startAnthropic({ keys: ['key'] });
    const backend = { port: fake.port, schema: { name: 'Anthropic' }, key: 'key', keyType: 'AnthropicAPIKey' } as const;
    const facts = [{ models: 'claude-opus-9*', like: 'claude-3-haiku', defaultMaxTokens: 1234 }];
    rig = await startTranslationRig({
      backends: {
        knowing: { ...backend, annotations: { 'headgate.dev/model-facts': JSON.stringify(facts) } },
        plain: backend,
      },
      models: {
        knowing: { refs: [{ name: 'knowing', modelNameOverride: 'claude-opus-9-1' }] },
        other: { refs: [{ name: 'knowing', modelNameOverride: 'claude-3-haiku' }] },
        plain: { refs: [{ name: 'plain', modelNameOverride: 'claude-opus-9-1' }] },
        strict: {
          refs: [{ name: 'plain', modelNameOverride: 'claude-sonnet-4-5' }],
          annotations: { 'headgate.dev/unsupported': 'refuse' },
        },
      },
    });
  });
  after(async () => {
    await rig?.stop();
    await fake.close();
  });

  it('facts about models reach the processor with the attempts of their backend, and no others', async () => {
    const maxTokens: Record<string, unknown> = {};
    for (const model of ['knowing', 'other', 'plain']) {
      expect((await rig.ask(model)).status).to.equal(200);
      maxTokens[model] = (fake.last.json as { max_tokens: number }).max_tokens;
    }
    expect(maxTokens).to.deep.equal({ knowing: 1234, other: 4096, plain: 32_000 });
  });

  it('a route refuses what the provider cannot do, where it is told to', async () => {
    const before = fake.requests.length;
    const refused = await rig.ask('strict', { logit_bias: { 1: 2 }, seed: 7 });
    expect(refused.status).to.equal(400);
    expect(refused.json).to.have.nested.property('error.message').that.contains("'seed', 'logit_bias'");
    expect(fake.requests).to.have.length(before);
    expect((await rig.ask('strict')).status).to.equal(200);
    const reported = await rig.ask('plain', { seed: 7 });
    expect([reported.status, reported.headers['x-headgate-unsupported']]).to.deep.equal([200, 'seed']);
  });
});
