import { expect } from 'chai';
import { type Fake, startAnthropic, startBedrock, startOpenAi } from '../../fakes/index.ts';
import { type ClientResponse, postJson, request, until } from '../../support/index.ts';
import { startTranslationRig, type TranslationRig } from '../translation/rig.ts';
import { modelQuota, perDay, quotaPolicy, quotaUse, tenantRule, untilQuotaUsed } from './quota-rig.ts';

type Fields = Readonly<Record<string, unknown>>;

const MESSAGES = '/anthropic/v1/messages';
/** 42 tokens, whoever counts them. */
const USAGE = { input: 30, output: 12 };

describe('quotas of backends that are translated to', function () {
  this.timeout(120_000);
  let fakes: Fake[] = [];
  let rig: TranslationRig;

  before(async () => {
    fakes = [
      await startOpenAi({ name: 'openai', keys: ['key'] }),
      await startAnthropic({ name: 'claude', keys: ['key'] }),
      await startBedrock({ name: 'bedrock', keys: ['key'] }),
    ];
    const [openai, claude, bedrock] = fakes.map(({ port }) => ({ port, key: 'key' }));
    rig = await startTranslationRig({
      backends: {
        openai: { ...openai },
        claude: { ...claude, schema: { name: 'Anthropic' }, keyType: 'AnthropicAPIKey' },
        bedrock: { ...bedrock, schema: { name: 'AWSBedrock' } },
      },
      models: {
        native: { refs: ['claude'] },
        spill: { refs: ['claude', 'openai'] },
        all: {
          refs: [
            { name: 'bedrock', modelNameOverride: 'meta.llama' },
            { name: 'claude', priority: 1 },
            { name: 'openai', priority: 2 },
          ],
        },
        retried: { refs: ['bedrock', 'claude'] },
        left: { refs: ['claude'] },
        tenants: { refs: ['claude'] },
      },
      extra: [
        quotaPolicy('claude', {
          perModelQuotas: [
            ...['native', 'spill', 'all'].map((model) => modelQuota(model, 80)),
            ...['retried', 'left'].map((model) => modelQuota(model, 1000)),
            { modelName: 'tenants', quota: { bucketRules: [tenantRule(40), tenantRule(1, { shadowMode: true })] } },
          ],
        }),
        quotaPolicy('openai', { serviceQuota: { quota: perDay(80) } }),
        quotaPolicy('bedrock', { perModelQuotas: [modelQuota('meta.llama', 40), modelQuota('retried', 1000)] }),
      ],
    });
  });
  beforeEach(() => {
    for (const fake of fakes) {
      fake.reset();
      Object.assign(fake.settings, { usage: USAGE });
    }
  });
  after(async () => {
    await rig?.stop();
    for (const fake of fakes) await fake.close();
  });

  const ask = (model: string, path: string, fields: Fields = {}, headers: Record<string, string> = {}) =>
    postJson(
      rig.port,
      path,
      { model, max_tokens: 50, messages: [{ role: 'user', content: 'hi' }], ...fields },
      { 'anthropic-version': '2023-06-01', ...headers },
    );
  const by = ({ status, headers }: ClientResponse) => [status, headers['x-headgate-backend']];
  const untilUsed = (amount: number, ...of: readonly [backend: string, bucket: string, tenant?: string]) =>
    untilQuotaUsed(amount, rig.gateway.limits, ...of);
  const provided = () => fakes.reduce((sum, { requests }) => sum + requests.length, 0);

  function expectAnthropicRefusal(answer: ClientResponse, tried: string): void {
    expect(answer.status, answer.text).to.equal(429);
    expect(answer.headers['content-type']).to.equal('application/json');
    expect(answer.json).to.deep.include({ type: 'error' });
    expect(answer.json).to.have.nested.property('error.type', 'rate_limit_error');
    expect(answer.json).to.have.nested.property('error.message', 'The quota of this model is used up.');
    expect(Number(answer.headers['retry-after'])).to.be.within(1, 86_400);
    expect(answer.headers['x-headgate-tried']).to.equal(tried);
  }

  it('refuse a message in the shape of Anthropic, unary and as a stream', async () => {
    for (const n of [1, 2]) {
      expect(by(await ask('native', MESSAGES, n === 2 ? { stream: true } : {}))).to.deep.equal([200, 'default/claude']);
      await untilUsed(42 * n, 'claude', 'model/native/default');
    }
    const before = provided();
    for (const stream of [false, true]) {
      expectAnthropicRefusal(await ask('native', MESSAGES, { stream }), 'default/claude=no-quota');
    }
    expect(provided()).to.equal(before);
    // The same quota, asked in the words of OpenAI: translated, and refused as OpenAI refuses.
    const chat = await ask('native', '/v1/chat/completions');
    expect(chat.status).to.equal(429);
    expect(chat.json).to.have.nested.property('error.type', 'rate_limit_error');
    expect(chat.json).to.not.have.property('type');
    await untilUsed(84, 'claude', 'model/native/default');
  });

  it('count answers that are translated to the token, and go on to a backend of another API', async () => {
    for (const [n, stream] of [false, true].entries()) {
      const answer = await ask('spill', '/v1/chat/completions', { stream });
      expect(by(answer), answer.text).to.deep.equal([200, 'default/claude']);
      await untilUsed(42 * (n + 1), 'claude', 'model/spill/default');
    }
    for (const [n, stream] of [false, true].entries()) {
      const answer = await ask('spill', n === 0 ? '/v1/chat/completions' : MESSAGES, { stream });
      expect(by(answer), answer.text).to.deep.equal([200, 'default/openai']);
      expect(answer.headers['x-headgate-tried']).to.equal('default/claude=no-quota,default/openai=200');
      await untilUsed(42 * (n + 1), 'openai', 'service');
    }
    expectAnthropicRefusal(await ask('spill', MESSAGES), 'default/claude=no-quota,default/openai=no-quota');
    await untilUsed(84, 'claude', 'model/spill/default');
  });

  it('mean the model that the provider is asked for', async () => {
    const first = await ask('all', MESSAGES);
    expect(by(first), first.text).to.deep.equal([200, 'default/bedrock']);
    await untilUsed(42, 'bedrock', 'model/meta.llama/default');
    const next = await ask('all', MESSAGES, { stream: true });
    expect(by(next), next.text).to.deep.equal([200, 'default/claude']);
    await untilUsed(42, 'claude', 'model/all/default');
  });

  it('charge the attempt that answered, and not the translated one that failed', async () => {
    const [, , bedrock] = fakes as [Fake, Fake, Fake];
    bedrock.fault = () => ({ status: 503 });
    const answer = await ask('retried', '/v1/chat/completions', { stream: true });
    expect(by(answer), answer.text).to.deep.equal([200, 'default/claude']);
    await untilUsed(42, 'claude', 'model/retried/default');
    expect((await quotaUse(rig.gateway.limits, 'bedrock', 'model/retried/default')).used).to.equal(0);
  });

  it('charge a stream that its client leaves what is known of it', async () => {
    const [, claude] = fakes as [Fake, Fake];
    Object.assign(claude.settings, { usage: { input: 30 }, chunks: 2000, chunkDelayMs: 5 });
    const abort = new AbortController();
    let text = '';
    await request({
      port: rig.port,
      path: '/v1/chat/completions',
      body: { model: 'left', stream: true, messages: [{ role: 'user', content: 'x'.repeat(400) }] },
      signal: abort.signal,
      onChunk: (more) => {
        text += more;
        if (text.split('data: ').length > 20) abort.abort();
      },
    }).catch(() => undefined);
    const used = async () => (await quotaUse(rig.gateway.limits, 'claude', 'model/left/default')).used;
    await until(async () => (await used()) > 0, { what: 'a charge' });
    // The prompt, by its size or as the provider told it at once, and as many tokens as there were events.
    expect(await used()).to.be.within(30 + 15, 120 + 200);
  });

  it('in shadow mode count beside a bucket that is enforced', async () => {
    expect((await ask('tenants', MESSAGES, {}, { 'x-tenant': 'a' })).status).to.equal(200);
    await untilUsed(42, 'claude', 'model/tenants/rule/0', 'a');
    await untilUsed(42, 'claude', 'model/tenants/rule/1', 'a');
    expectAnthropicRefusal(await ask('tenants', MESSAGES, {}, { 'x-tenant': 'a' }), 'default/claude=no-quota');
    expect((await ask('tenants', MESSAGES, {}, { 'x-tenant': 'b' })).status).to.equal(200);
    await untilUsed(42, 'claude', 'model/tenants/rule/0', 'b');
  });

  it('are not asked about counting tokens, which uses none', async () => {
    const answer = await ask('native', `${MESSAGES}/count_tokens`, { max_tokens: undefined });
    expect(answer.status, answer.text).to.equal(200);
  });

  it('broke no translation', () => {
    expect(rig.bugs).to.deep.equal([]);
  });
});
