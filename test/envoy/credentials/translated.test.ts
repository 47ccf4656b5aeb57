import { expect } from 'chai';
import { type Fake, startAnthropic, startBedrock, startVertex } from '../../fakes/index.ts';
import { loadTest, postJson, until } from '../../support/index.ts';
import { CHAT, CLIENT_CREDENTIALS, expectAllServed, tried } from '../failover/rig.ts';
import type { BackendFacts } from '../support/objects.ts';
import { startTranslationRig, type TranslationRig } from '../translation/rig.ts';
import { type Clouds, HOSTS, startClouds } from './clouds-rig.ts';

const MODELS: Readonly<Record<string, string>> = {
  bedrock: 'anthropic.claude-sonnet-4-5-20250929-v1:0',
  gemini: 'gemini-2.5-flash',
  'claude-gcp': 'claude-sonnet-4-5@20250929',
  anthropic: 'claude-sonnet-4-5',
  azure: 'gpt-4o',
};

const OWN_AWS = {
  accessKeyId: 'ASIAOWNEXAMPLE',
  secretAccessKey: 'own-aws/secret+',
  sessionToken: 'own-aws/token+=',
} as const;

describe('credentials: of translated attempts', function () {
  this.timeout(120_000);
  let clouds: Clouds;
  let rig: TranslationRig;
  let fakes: Record<string, Fake>;

  before(async () => {
    clouds = await startClouds();
    const { sts, google } = clouds.services;
    // Renewed while the tests run.
    sts.issued.settings.lifetimeS = 16;
    const vertex = { tokens: google.issued.tokens, project: 'example-project', location: 'global' };
    fakes = {
      bedrock: await startBedrock({ name: 'bedrock', credentials: sts.sessions, region: 'eu-central-1' }),
      gemini: await startVertex({ name: 'gemini', ...vertex }),
      'claude-gcp': await startVertex({ name: 'claude-gcp', ...vertex }),
      anthropic: await startAnthropic({ name: 'anthropic', keys: ['ant-1', 'ant-2', 'own-ant'] }),
      azure: clouds.fakes['azure-federated'] as Fake,
      'own-aws': await startBedrock({ name: 'own-aws', credentials: [OWN_AWS], region: 'eu-central-1' }),
    };
    const port = (name: string): number => fakes[name]?.port as number;
    const of = (name: string): BackendFacts => clouds.backends[name] as BackendFacts;
    const ref = (name: string, priority: number): object => ({ name, priority, modelNameOverride: MODELS[name] });
    const names = Object.keys(MODELS);
    const anthropic = { keyType: 'AnthropicAPIKey', schema: { name: 'Anthropic' }, key: 'ant-1' } as const;
    rig = await startTranslationRig(
      {
        backends: {
          bedrock: {
            policy: of('aws-web').policy as object as Record<string, unknown>,
            schema: { name: 'AWSBedrock' },
            endpoints: [{ ip: { address: '127.0.0.1', port: port('bedrock') }, hostname: HOSTS.vpc }],
          },
          gemini: { ...of('gcp-pool'), port: port('gemini'), schema: { name: 'GCPVertexAI' } },
          'claude-gcp': {
            ...of('gcp-account'),
            port: port('claude-gcp'),
            schema: { name: 'GCPAnthropic', version: 'vertex-2023-10-16' },
          },
          anthropic: { ...anthropic, port: port('anthropic'), furtherKeys: { b: 'ant-2' } },
          own: {
            ...anthropic,
            port: port('anthropic'),
            credentialOverride: { fromRequestHeaders: { fallbackToConfigured: false } },
          },
          azure: of('azure-federated'),
          'own-aws': {
            policy: { ...of('aws-web').policy, credentialOverride: { fromRequestHeaders: {} } },
            schema: { name: 'AWSBedrock' },
            endpoints: [{ ip: { address: '127.0.0.1', port: port('own-aws') }, hostname: HOSTS.vpc }],
          },
        },
        models: Object.fromEntries([
          ...names.map((name) => [name, { refs: [ref(name, 0)] }] as const),
          ...names.flatMap((a) =>
            names.filter((b) => b !== a).map((b) => [`${a}.then.${b}`, { refs: [ref(a, 0), ref(b, 1)] }] as const),
          ),
          ['own-aws', { refs: [{ name: 'own-aws', modelNameOverride: MODELS.bedrock }] }],
          [
            'anthropic.then.own-aws',
            { refs: [ref('anthropic', 0), { name: 'own-aws', priority: 1, modelNameOverride: MODELS.bedrock }] },
          ],
          ['own', { refs: [{ name: 'own', modelNameOverride: MODELS.anthropic }] }],
          [
            'own.then.bedrock',
            { refs: [{ name: 'own', priority: 0, modelNameOverride: MODELS.anthropic }, ref('bedrock', 1)] },
          ],
        ]) as never,
        extra: clouds.secrets,
      },
      {},
      { env: clouds.env },
    );
  });
  beforeEach(async () => {
    for (const one of Object.values(fakes)) await one.reset();
  });
  afterEach(() => {
    for (const [name, { foreignCredentials, requests }] of Object.entries(fakes)) {
      expect(foreignCredentials, name).to.eql([]);
      expect(JSON.stringify(requests.map(({ rawHeaders, path }) => [rawHeaders, path])), name).not.to.match(
        /client-secret|headgate-key|x-aigw/,
      );
    }
    expect(rig.bugs).to.eql([]);
  });
  after(async () => {
    await rig?.stop();
    for (const one of Object.values(fakes ?? {})) await one.close();
    await clouds?.stop();
  });

  const fake = (name: string): Fake => fakes[name] as Fake;
  const bodyOf = (model: string): object => ({ model, messages: [{ role: 'user', content: 'hi' }], max_tokens: 50 });
  const ask = (model: string, headers: Record<string, string> = {}) =>
    postJson(rig.port, `${CHAT}?key=client-secret&access_token=client-secret`, bodyOf(model), {
      ...CLIENT_CREDENTIALS,
      ...headers,
    });

  it('are taken by strict providers, and never meet on any failover', async () => {
    const names = Object.keys(MODELS);
    for (const name of names) {
      const response = await ask(name);
      expect(response.status, `${name}: ${response.text}`).to.equal(200);
    }
    for (const a of names) {
      fake(a).fault = () => ({ status: 500 });
      for (const b of names.filter((name) => name !== a)) {
        const response = await ask(`${a}.then.${b}`);
        expect(response.status, `${a} then ${b}: ${response.text}`).to.equal(200);
        expect(tried(response).map((name) => name.replace(/^default./, ''))).to.eql([a, b]);
      }
      fake(a).fault = undefined;
    }
  });

  it('of a pool follow each other, each attempt translated afresh', async () => {
    fake('anthropic').fault = ({ headers }) => (headers['x-api-key'] === 'ant-1' ? { status: 401 } : undefined);
    await until(
      async () => {
        expect((await ask('anthropic')).status).to.equal(200);
        return fake('anthropic').requests.some(({ headers }) => headers['x-api-key'] === 'ant-1');
      },
      { what: 'the refused key' },
    );
    expect(new Set(fake('anthropic').requests.map(({ body }) => body.toString())).size).to.equal(1);
  });

  it('come with the request where a backend wants that, and stay away from the next one', async () => {
    const header = { 'x-aigw-anthropic-api-key': 'own-ant' };
    const response = await ask('own', header);
    expect(response.status, response.text).to.equal(200);
    expect(fake('anthropic').last.headers['x-api-key']).to.equal('own-ant');
    expect((await ask('own', { 'x-aigw-anthropic-api-key': '' })).status).to.equal(401);
    fake('anthropic').fault = () => ({ status: 503 });
    expect((await ask('own.then.bedrock', header)).status).to.equal(200);
    expect(tried(await ask('own.then.bedrock', { 'x-aigw-anthropic-api-key': '' }))).to.eql(['own', 'bedrock']);
    expect(JSON.stringify(fake('bedrock').requests.map(({ rawHeaders }) => rawHeaders))).not.to.include('own-ant');
  });

  it('come with the request as AWS keys, which sign the translated body, of streams too', async () => {
    const keys = {
      'x-aigw-aws-access-key-id': OWN_AWS.accessKeyId,
      'x-aigw-aws-secret-access-key': OWN_AWS.secretAccessKey,
      'x-aigw-aws-session-token': OWN_AWS.sessionToken,
    };
    expect((await ask('own-aws', keys)).text).to.include('"object":"chat.completion"');
    expect(fake('own-aws').last.path).to.match(/-v1%3A0\/converse$/);
    const streamed = await postJson(rig.port, CHAT, { ...bodyOf('own-aws'), stream: true }, keys);
    expect(streamed.text).to.include('data: [DONE]');
    fake('anthropic').fault = () => ({ status: 503 });
    expect((await ask('anthropic.then.own-aws', keys)).headers['x-fake']).to.equal('own-aws');
    expect(JSON.stringify(fake('anthropic').requests.map(({ rawHeaders }) => rawHeaders))).not.to.match(
      /own-aws|ASIAOWN/,
    );
  });

  it('change under load without a failed request, and every signature covers the translated body', async () => {
    const seen = (): Set<string | undefined> =>
      new Set(fake('bedrock').requests.map(({ headers }) => headers['x-amz-security-token']));
    const makeRequest = () => ({ port: rig.port, path: CHAT, body: bodyOf('bedrock') });
    await until(
      async () => {
        expectAllServed(await loadTest({ concurrency: 64, total: 128, makeRequest }), 128);
        return seen().size > 1;
      },
      { what: 'new keys to be used', timeoutMs: 60_000 },
    );
  });
});
