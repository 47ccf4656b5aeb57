/** Requests that another backend gets a copy of. */
import { expect } from 'chai';
import { AWS_CREDENTIALS, type Fake, startAnthropic, startBedrock, startOpenAi } from '../../fakes/index.ts';
import { postJson, request, until } from '../../support/index.ts';
import { expectAllServed } from '../failover/rig.ts';
import { startTranslationRig, type TranslationRig } from './rig.ts';

const CLIENT = {
  authorization: 'Bearer client-secret',
  'x-api-key': 'client-secret',
  cookie: 'session=client-secret',
  'x-headgate-note': 'forged',
  'anthropic-version': '2023-06-01',
};
const CHAT = { messages: [{ role: 'user', content: 'Grüße' }] };
const mirror = (fields: object): Record<string, string> => ({ 'headgate.dev/mirror': JSON.stringify(fields) });

describe('mirrored requests', function () {
  this.timeout(120_000);
  const fakes = new Map<string, Fake>();
  const fake = (name: string): Fake => fakes.get(name) as Fake;
  let rig: TranslationRig;

  before(async () => {
    const { accessKeyId, secretAccessKey } = AWS_CREDENTIALS;
    fakes.set('openai', await startOpenAi({ name: 'openai', keys: ['sk-openai'] }));
    fakes.set('other', await startOpenAi({ name: 'other', keys: ['sk-other'] }));
    fakes.set('anthropic', await startAnthropic({ name: 'anthropic', keys: ['sk-ant'] }));
    fakes.set('bedrock', await startBedrock({ name: 'bedrock' }));
    rig = await startTranslationRig(
      {
        backends: {
          openai: { port: fake('openai').port, key: 'sk-openai' },
          other: { port: fake('other').port, key: 'sk-other' },
          anthropic: {
            port: fake('anthropic').port,
            schema: { name: 'Anthropic' },
            key: 'sk-ant',
            keyType: 'AnthropicAPIKey',
          },
          bedrock: {
            port: fake('bedrock').port,
            schema: { name: 'AWSBedrock' },
            policy: { type: 'AWSCredentials', awsCredentials: { region: 'us-east-1' } },
          },
        },
        models: {
          native: { refs: ['openai'], annotations: mirror({ backend: 'other' }) },
          renamed: { refs: ['openai', 'other'], annotations: mirror({ backend: 'other', modelNameOverride: 'copy' }) },
          translated: {
            refs: ['openai'],
            annotations: mirror({ backend: 'anthropic', modelNameOverride: 'claude-sonnet-4-5' }),
          },
          signed: {
            refs: [{ name: 'anthropic', modelNameOverride: 'claude-sonnet-4-5' }],
            annotations: mirror({
              backend: 'bedrock',
              modelNameOverride: 'us.anthropic.claude-sonnet-4-5-20250929-v1:0',
            }),
          },
          some: { refs: ['openai'], annotations: mirror({ backend: 'other', percent: 20 }) },
          limited: {
            refs: ['openai'],
            annotations: mirror({ backend: 'other' }),
            policy: { rateLimit: { type: 'Global', global: { rules: [{ limit: { requests: 10, unit: 'Day' } }] } } },
          },
          none: { refs: ['openai'] },
          wrong: { refs: ['openai'], annotations: mirror({ backend: 'other', percent: 0 }) },
          missing: { refs: ['openai'], annotations: mirror({ backend: 'nobody' }) },
        },
      },
      {},
      { envoyEnv: { AWS_ACCESS_KEY_ID: accessKeyId, AWS_SECRET_ACCESS_KEY: secretAccessKey } },
    );
  });
  beforeEach(async () => {
    for (const one of fakes.values()) await one.reset();
  });
  afterEach(() => {
    expect(rig.bugs).to.eql([]);
    expect(rig.gateway.envoy.hasExited).to.equal(false);
    expect(rig.gateway.envoy.log.filter((line) => line.includes('headgate:'))).to.eql([]);
    for (const [name, one] of fakes) {
      expect(one.foreignCredentials, name).to.eql([]);
      expect(one.protocolErrors, name).to.eql([]);
      const seen = JSON.stringify(one.requests.map(({ rawHeaders, path }) => [rawHeaders, path]));
      expect(seen, name).to.not.match(/client-secret|x-headgate|x-ai-eg|-shadow/);
    }
  });
  after(async () => {
    await rig?.stop();
    for (const one of fakes.values()) await one.close();
  });

  const ask = (model: string, more: object = {}, path = '/v1/chat/completions?api_key=client-secret') =>
    postJson(rig.port, path, { model, ...CHAT, ...more }, CLIENT);
  const arrives = (name: string, count = 1) =>
    until(() => fake(name).requests.length >= count, { what: `${count} copies at ${name}` });

  it('are made each provider’s own: path, model, credential, API, signature', async () => {
    expect((await ask('native')).headers['x-fake']).to.equal('openai');
    await arrives('other');
    expect(fake('other').last.json).to.deep.include({ model: 'native', ...CHAT });
    expect(fake('other').last.outcome.status).to.equal(200);

    await fake('other').reset();
    expect((await ask('renamed')).headers['x-fake']).to.equal('openai');
    await arrives('other');
    expect([fake('openai').last.json, fake('other').last.json].map((json) => (json as { model: string }).model)).to.eql(
      ['renamed', 'copy'],
    );

    for (const stream of [false, true]) {
      expect((await ask('translated', { stream })).headers['x-fake']).to.equal('openai');
      await arrives('anthropic', stream ? 2 : 1);
      const { last } = fake('anthropic');
      expect(last.pathname).to.equal('/v1/messages');
      expect(last.json).to.include({ model: 'claude-sonnet-4-5', ...(stream && { stream }) });
      expect(JSON.stringify(last.json)).to.contain('Grüße');
      await until(() => last.outcome.status === 200, { what: 'the answer to a copy' });
    }

    await fake('anthropic').reset();
    for (const path of ['/v1/chat/completions', '/anthropic/v1/messages']) {
      await fake('bedrock').reset();
      expect((await ask('signed', { max_tokens: 9 }, path)).headers['x-fake']).to.equal('anthropic');
      await arrives('bedrock');
      await until(() => fake('bedrock').last.outcome.status === 200, { what: 'the answer to a copy' });
    }
  });

  it('are as many as is said, and none where nothing is said', async () => {
    expectAllServed(await rig.load('some', { concurrency: 64, total: 1000 }), 1000);
    await until(() => fake('other').requests.length > 140, { what: 'copies' });
    expect(fake('other').requests.length).to.be.within(140, 260);
    await fake('other').reset();
    expectAllServed(await rig.load('none', { concurrency: 64, total: 64 }), 64);
    expect(fake('other').arrived).to.equal(0);
  });

  it('lose nothing at 64, whatever becomes of the copies, nor tell of them', async () => {
    const faults = [{ status: 500 }, { reset: true }, { status: 200, body: '[' }, undefined];
    for (const model of ['native', 'translated']) {
      const name = model === 'native' ? 'other' : 'anthropic';
      fake(name).fault = (_request, n) => faults[n % faults.length];
      for (const stream of [false, true]) {
        const load = await rig.load(model, { concurrency: 64, total: 640, body: { ...CHAT, stream } });
        expectAllServed(load, 640);
        expect(load.byBackend).to.eql({ openai: 640 });
      }
      await arrives(name, 1280);
    }
    const answer = await ask('native');
    expect(answer.headers).to.include({ 'x-headgate-backend': 'default/openai' });
    expect(answer.headers).to.not.have.property('x-headgate-tried');
  });

  it('are charged to no budget, and not made of what a limit refuses', async () => {
    const load = await rig.load('limited', { concurrency: 1, total: 20 });
    expect(load.byStatus).to.eql({ 200: 10, 429: 10 });
    await arrives('other', 10);
    expect(fake('other').arrived).to.equal(10);
  });

  it('are refused by the processor without a word to anybody', async () => {
    const audio = [{ type: 'input_audio', input_audio: { data: 'AAAA', format: 'wav' } }];
    const answer = await ask('translated', { messages: [{ role: 'user', content: audio }] });
    expect(answer.status).to.equal(200);
    await until(async () => /refusals_total [1-9]/.test(rig.processor.metrics()), { what: 'the refusal' });
    expect(fake('anthropic').arrived).to.equal(0);
  });

  it('are left out with a finding where the annotation is wrong, and requests are served', async () => {
    const findings = rig.gateway.findings().join('\n');
    expect(findings).to.match(/warning\[HG0311\]: AIGatewayRoute\/default\/wrong.*percent/);
    expect(findings).to.match(/error\[HG0103\]: AIGatewayRoute\/default\/missing.*nobody/);
    for (const model of ['wrong', 'missing']) expect((await ask(model)).status).to.equal(200);
  });
});

describe('mirrored requests and a processor that is busy', function () {
  this.timeout(60_000);
  let openai: Fake;
  let anthropic: Fake;
  let rig: TranslationRig;
  const metric = (name: string): number =>
    Number(new RegExp(`^headgate_processor_${name} (\\d+)$`, 'm').exec(rig.processor.metrics())?.[1]);
  const mirrored = () => rig.ask('mirrored');
  const open: AbortController[] = [];

  before(async () => {
    openai = await startOpenAi({ name: 'openai', keys: ['sk-openai'] });
    anthropic = await startAnthropic({ name: 'anthropic', keys: ['sk-ant'] });
    const claude = { schema: { name: 'Anthropic' }, key: 'sk-ant', keyType: 'AnthropicAPIKey' } as const;
    const modelNameOverride = 'claude-sonnet-4-5';
    rig = await startTranslationRig(
      {
        backends: {
          openai: { port: openai.port, key: 'sk-openai' },
          anthropic: { port: anthropic.port, ...claude },
        },
        models: {
          mirrored: { refs: ['openai'], annotations: mirror({ backend: 'anthropic', modelNameOverride }) },
          claude: { refs: [{ name: 'anthropic', modelNameOverride }] },
        },
      },
      { maxExchanges: 4 },
    );
  });
  afterEach(async () => {
    for (const one of open.splice(0)) one.abort();
    anthropic.fault = undefined;
    await until(() => metric('exchanges') === 0, { what: 'the end of all exchanges' });
  });
  after(async () => {
    await rig?.stop();
    await openai?.close();
    await anthropic?.close();
  });

  it('hold no place while their provider thinks', async () => {
    anthropic.fault = (seen) => ((seen.json as { stream?: boolean }).stream ? undefined : { hang: true });
    const before = anthropic.arrived;
    for (let i = 0; i < 8; i += 1) expect((await mirrored()).status).to.equal(200);
    await until(() => anthropic.arrived === before + 8, { what: 'copies that are not answered' });
    expect(metric('exchanges')).to.equal(0);
    expect((await rig.ask('claude', { stream: true })).status).to.equal(200);
    expect([metric('dropped_total'), metric('overloads_total')]).to.eql([0, 0]);
  });

  it('are left out first, where the others are still served', async () => {
    anthropic.fault = () => ({ stallAfterChunks: 3 });
    const first = anthropic.arrived;
    // Half of the places: the copy would be one more.
    for (let i = 0; i < 2; i += 1) {
      const leave = new AbortController();
      open.push(leave);
      const body = { model: 'claude', stream: true, ...CHAT };
      void request({ port: rig.port, path: '/v1/chat/completions', body, signal: leave.signal }).catch(() => undefined);
    }
    await until(() => metric('exchanges') === 2 && anthropic.arrived === first + 2, { what: 'two streams' });
    const before = [anthropic.arrived, metric('dropped_total')];
    expect((await mirrored()).status).to.equal(200);
    await until(() => metric('dropped_total') === (before[1] ?? 0) + 1, { what: 'a copy that is left out' });
    expect([anthropic.arrived, metric('overloads_total')]).to.eql([before[0], 0]);
    anthropic.fault = undefined;
    expect((await rig.ask('claude')).status).to.equal(200);

    for (const one of open.splice(0)) one.abort();
    await until(() => metric('exchanges') === 0, { what: 'the end of the streams' });
    const arrived = anthropic.arrived;
    expect((await mirrored()).status).to.equal(200);
    await until(() => anthropic.arrived === arrived + 1, { what: 'a copy' });
  });
});
