import { expect } from 'chai';
import { AWS_CREDENTIALS, type Fake, startAnthropic, startBedrock, startOpenAi } from '../../fakes/index.ts';
import { freePort, until } from '../../support/index.ts';
import { expectAllServed } from '../failover/rig.ts';
import { object } from '../support/objects.ts';
import { startTranslationRig, type TranslationRig } from './rig.ts';

const AI = 'aigateway.envoyproxy.io';
const BEDROCK_MODEL = 'anthropic.claude-sonnet-4-5-20250929-v1:0';

/** Ways in which a first provider fails. */
const FAULTS = {
  'status 429': { status: 429, headers: { 'retry-after': '0' } },
  'status 401': { status: 401 },
  'status 403': { status: 403 },
  'status 500': { status: 500 },
  'status 503': { status: 503 },
  'a reset': { reset: true },
  'an answer that cannot be read': { status: 200, body: '{"half":' },
} as const;

function awsObjects(backend: string): object[] {
  const { accessKeyId, secretAccessKey } = AWS_CREDENTIALS;
  const credentials = `[default]\naws_access_key_id = ${accessKeyId}\naws_secret_access_key = ${secretAccessKey}\n`;
  return [
    object(`${AI}/v1beta1`, 'BackendSecurityPolicy', backend, {
      spec: {
        targetRefs: [{ group: AI, kind: 'AIServiceBackend', name: backend }],
        type: 'AWSCredentials',
        awsCredentials: { region: 'us-east-1', credentialsFile: { secretRef: { name: `aws-${backend}` } } },
      },
    }),
    object('v1', 'Secret', `aws-${backend}`, { stringData: { credentials } }),
  ];
}

describe('failover between translated and native backends', function () {
  this.timeout(120_000);
  const fakes = new Map<string, Fake>();
  let rig: TranslationRig;
  const fake = (name: string): Fake => fakes.get(name) as Fake;
  const dead = freePort();

  before(async () => {
    fakes.set('openai', await startOpenAi({ name: 'openai', keys: ['sk-openai'] }));
    fakes.set('anthropic', await startAnthropic({ name: 'anthropic', keys: ['sk-ant'] }));
    fakes.set('bedrock', await startBedrock({ name: 'bedrock' }));
    const anthropic = { schema: { name: 'Anthropic' }, key: 'sk-ant', keyType: 'AnthropicAPIKey' } as const;
    const claude = { modelNameOverride: 'claude-sonnet-4-5' };
    const bedrock = { modelNameOverride: BEDROCK_MODEL };
    rig = await startTranslationRig({
      backends: {
        openai: { port: fake('openai').port, key: 'sk-openai' },
        anthropic: { port: fake('anthropic').port, ...anthropic },
        dead: { port: await dead, ...anthropic },
        'wrong-key': { port: fake('anthropic').port, ...anthropic, key: 'sk-wrong' },
        'wrong-pool': {
          port: fake('anthropic').port,
          ...anthropic,
          key: 'sk-wrong-1',
          furtherKeys: { b: 'sk-wrong-2', c: 'sk-wrong-3' },
        },
        'half-pool': { port: fake('anthropic').port, ...anthropic, furtherKeys: { b: 'sk-wrong-2' } },
        bedrock: { port: fake('bedrock').port, schema: { name: 'AWSBedrock' } },
      },
      models: {
        'native-first': { refs: ['openai', { name: 'anthropic', priority: 1, ...claude }] },
        'translated-first': {
          refs: [
            { name: 'anthropic', ...claude },
            { name: 'openai', priority: 1, modelNameOverride: 'gpt-4o' },
          ],
        },
        'both-translated': {
          refs: [
            { name: 'bedrock', ...bedrock },
            { name: 'anthropic', priority: 1, ...claude },
          ],
        },
        unreachable: {
          refs: [
            { name: 'dead', ...claude },
            { name: 'bedrock', priority: 1, ...bedrock },
          ],
        },
        'refused-credential': {
          refs: [
            { name: 'wrong-key', ...claude },
            { name: 'bedrock', priority: 1, ...bedrock },
          ],
        },
        'refused-pool': {
          refs: [
            { name: 'wrong-pool', ...claude },
            { name: 'bedrock', priority: 1, ...bedrock },
          ],
        },
        'pool-half-refused': {
          refs: [
            { name: 'half-pool', ...claude },
            { name: 'bedrock', priority: 1, ...bedrock },
          ],
        },
        silent: {
          refs: [
            { name: 'anthropic', ...claude },
            { name: 'bedrock', priority: 1, ...bedrock },
          ],
          fields: { streamIdleTimeout: '4s' },
        },
      },
      extra: awsObjects('bedrock') as Record<string, unknown>[],
    });
    expect(rig.gateway.findings()).to.eql([]);
  });
  beforeEach(async () => {
    for (const one of fakes.values()) await one.reset();
  });
  afterEach(() => {
    expect(rig.bugs).to.eql([]);
    for (const [name, one] of fakes) {
      expect(one.foreignCredentials, name).to.eql([]);
      expect(one.protocolErrors, name).to.eql([]);
      expect(JSON.stringify(one.requests.map(({ rawHeaders }) => rawHeaders))).not.to.include('client-secret');
    }
  });
  after(async () => {
    await rig?.stop();
    for (const one of fakes.values()) await one.close();
  });

  const PATHS = {
    'native-first': ['openai', 'anthropic'],
    'translated-first': ['anthropic', 'openai'],
    'both-translated': ['bedrock', 'anthropic'],
  } as const;
  for (const [model, [first, second]] of Object.entries(PATHS)) {
    for (const [name, fault] of Object.entries(FAULTS)) {
      // Envoy reads no body of an answer that is not translated.
      if (model === 'native-first' && 'body' in fault) continue;
      for (const stream of [false, true]) {
        // A stream that has begun cannot be taken back.
        if (stream && 'body' in fault) continue;
        it(`${model}: loses nothing at 64 on ${name}${stream ? ', as streams' : ''}`, async () => {
          fake(first).fault = () => fault;
          const load = await rig.load(model, { concurrency: 64, total: 640, body: { stream } });
          expectAllServed(load, 640);
          expect(load.byBackend).to.eql({ [second]: 640 });
        });
      }
    }
  }

  it('leaves nothing of an attempt in the next one', async () => {
    fake('anthropic').fault = () => ({ status: 500 });
    const answer = await rig.ask('translated-first', { logit_bias: { 1: 2 } });
    expect(answer.status).to.equal(200);
    const { headers, json } = fake('openai').last;
    for (const name of ['x-api-key', 'accept']) expect(headers).to.not.have.property(name);
    // The client's own.
    expect(headers['anthropic-version']).to.equal('2023-01-01');
    expect(json).to.include({ model: 'gpt-4o' }).and.have.property('logit_bias');
    expect(answer.headers).to.not.have.property('x-headgate-unsupported');
    expect(answer.headers).to.include({
      'x-headgate-backend': 'default/openai',
      'x-headgate-tried': 'default/anthropic=500,default/openai=200',
    });
  });

  for (const [model, second] of [
    ['unreachable', 'bedrock'],
    ['refused-credential', 'bedrock'],
    ['refused-pool', 'bedrock'],
    ['pool-half-refused', 'anthropic'],
    ['silent', 'bedrock'],
  ] as const) {
    it(`loses nothing at 64 when the first one is ${model}`, async () => {
      if (model === 'silent') fake('anthropic').fault = () => ({ hang: true });
      const total = model === 'silent' ? 64 : 640;
      const load = await rig.load(model, { concurrency: 64, total });
      expectAllServed(load, total);
      expect(load.byBackend).to.eql({ [second]: total });
      // That it is wrong is what the first one is asked with.
      if (/refused/.test(model)) await fake('anthropic').reset();
    });
  }
});

describe('a processor that is gone', function () {
  this.timeout(60_000);

  it('is left out until it is back: other backends serve, or 503 at once', async () => {
    const openai = await startOpenAi({ name: 'openai', keys: ['sk-openai'] });
    const anthropic = await startAnthropic({ name: 'anthropic', keys: ['sk-ant'] });
    const claude = { name: 'anthropic', modelNameOverride: 'claude-sonnet-4-5' };
    const rig = await startTranslationRig({
      backends: {
        openai: { port: openai.port, key: 'sk-openai' },
        anthropic: {
          port: anthropic.port,
          schema: { name: 'Anthropic' },
          key: 'sk-ant',
          keyType: 'AnthropicAPIKey',
        },
      },
      models: {
        both: { refs: [claude, { name: 'openai', priority: 1 }] },
        alone: { refs: [claude] },
      },
    });
    try {
      expect((await rig.ask('both')).headers['x-fake']).to.equal('anthropic');
      await rig.killProcessor();
      await until(async () => (await rig.ask('both')).headers['x-fake'] === 'openai', { what: 'the other backend' });
      const started = performance.now();
      const refused = await rig.ask('alone');
      expect(refused.status).to.equal(503);
      expect(refused.json).to.have.nested.property('error.type', 'server_error');
      expect(performance.now() - started).to.be.lessThan(1000);
      expectAllServed(await rig.load('both', { concurrency: 64, total: 640 }), 640);
      await rig.startProcessor();
      await until(async () => (await rig.ask('alone')).status === 200, { what: 'the processor to be back' });
      // Workers that found no processor ask others first, for a while.
      await until(async () => (await rig.ask('both')).headers['x-fake'] === 'anthropic', { what: 'the first backend' });
    } finally {
      await rig.stop();
      await openai.close();
      await anthropic.close();
    }
  });
});
