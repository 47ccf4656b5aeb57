/** The examples as they stand: only the addresses of their providers are those of strict fakes, under the same names. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import {
  AWS_CREDENTIALS,
  type Fake,
  type RecordedRequest,
  startBedrock,
  startOpenAi,
  startVertex,
  testCa,
  VERTEX_PROJECT,
} from '../../fakes/index.ts';
import { type Google, startGoogle } from '../../fakes/tokens/index.ts';
import { postJson } from '../../support/index.ts';
import { expectAllServed } from '../failover/rig.ts';
import { startTranslationRig, type TranslationRig } from './rig.ts';

const FOLDER = new URL('../../../examples/providers/', import.meta.url).pathname;
const ARN = 'arn:aws:bedrock:us-east-1:123456789012:provisioned-model/abc123';
const BEDROCK = 'bedrock-runtime.us-east-1.amazonaws.com';
const VERTEX = 'us-east5-aiplatform.googleapis.com';
const ON_DEMAND = 'us.anthropic.claude-sonnet-4-5-20250929-v1:0';
const FAULTS = {
  'status 429': { status: 429 },
  'status 503': { status: 503 },
  'a reset': { reset: true },
} as const;

for (const [envoyVersion, total] of [
  [undefined, 320],
  ['1.36.4', 128],
] as const) {
  describe(`examples of providers${envoyVersion === undefined ? '' : ` on Envoy ${envoyVersion}`}`, function () {
    this.timeout(120_000);
    let rig: TranslationRig | undefined;
    let google: Google;
    /** By host name. */
    const fakes = new Map<string, Fake>();
    const fake = (host: string): Fake => fakes.get(host) as Fake;

    before(async () => {
      google = await startGoogle();
      const tls = (name: string) => ({ name, tls: { names: [name] } });
      fakes.set(BEDROCK, await startBedrock(tls(BEDROCK)));
      fakes.set(VERTEX, await startVertex({ ...tls(VERTEX), tokens: google.issued.tokens, location: 'us-east5' }));
      fakes.set('api.openai.com', await startOpenAi({ ...tls('api.openai.com'), keys: ['sk-example'] }));
      fakes.set('models.example.internal', await startOpenAi({ name: 'own', keys: [], isOpen: true }));
    });
    afterEach(async () => {
      await rig?.stop();
      for (const [host, one] of fakes) {
        expect(one.foreignCredentials, host).to.eql([]);
        expect(one.protocolErrors, host).to.eql([]);
        expect(JSON.stringify(one.requests.map(({ rawHeaders }) => rawHeaders))).not.to.include('client-secret');
        await one.reset();
      }
    });
    after(async () => {
      for (const one of fakes.values()) await one.close();
      await google?.fake.close();
    });

    async function start(file: string): Promise<TranslationRig> {
      const yaml = ['gateway.yaml', file].map((name) => readFileSync(join(FOLDER, name), 'utf8')).join('\n---\n');
      const atFakes = yaml.replace(
        /fqdn:\s+hostname: (\S+)\s+port: \d+/g,
        (_, host: string) => `{ ip: { address: 127.0.0.1, port: ${fake(host).port} }, hostname: ${host} }`,
      );
      const { accessKeyId, secretAccessKey } = AWS_CREDENTIALS;
      rig = await startTranslationRig(
        (port) => atFakes.replace('port: 1978', `port: ${port}`),
        {},
        {
          gateway: 'default/providers',
          ...(envoyVersion !== undefined && { envoyVersion }),
          compile: { systemCaPath: (await testCa()).certPath },
          env: {
            PROVISIONED_MODEL_ARN: ARN,
            GCP_PROJECT: VERTEX_PROJECT,
            OPENAI_API_KEY: 'sk-example',
            GCE_METADATA_HOST: `127.0.0.1:${google.fake.port}`,
          },
          envoyEnv: { AWS_ACCESS_KEY_ID: accessKeyId, AWS_SECRET_ACCESS_KEY: secretAccessKey },
        },
      );
      expect(rig.gateway.findings()).to.eql([]);
      return rig;
    }

    /** So many at 64 at once, and as many streams, for each way in which a provider fails. */
    async function loseNothing(
      model: string,
      down: string,
      up: string,
      isDown: (request: RecordedRequest) => boolean = () => true,
    ): Promise<void> {
      for (const [what, fault] of Object.entries(FAULTS)) {
        fake(down).fault = (request) => (isDown(request) ? fault : undefined);
        for (const stream of [false, true]) {
          const load = await (rig as TranslationRig).load(model, { concurrency: 64, total, body: { stream } });
          expectAllServed(load, total);
          expect(load.byBackend, what).to.eql({ [up]: total });
        }
      }
      expect(fake(down).arrived).to.be.above(0);
    }

    it('provisioned.yaml: what the provisioned model has no room for goes on demand', async () => {
      const { ask } = await start('provisioned.yaml');
      const modelAt = (path: string): string => decodeURIComponent(path.split('/')[2] as string);
      const first = await ask('claude-sonnet-4-5');
      expect(first.status, first.text).to.equal(200);
      expect(modelAt(fake(BEDROCK).last.pathname)).to.equal(ARN);
      // Envoy 1.36 can only be told what not to sign.
      const signed = 'SignedHeaders=content-type;host;x-amz-content-sha256;x-amz-date,';
      expect(fake(BEDROCK).last.headers.authorization).to.include(signed);
      await loseNothing('claude-sonnet-4-5', BEDROCK, BEDROCK, ({ pathname }) => modelAt(pathname) === ARN);
      expect(modelAt(fake(BEDROCK).last.pathname)).to.equal(ON_DEMAND);
    });

    it('two-clouds.yaml: each cloud stands in for the other', async () => {
      const { port } = await start('two-clouds.yaml');
      const body = { model: 'claude-sonnet-4-5', max_tokens: 20, messages: [{ role: 'user', content: 'hi' }] };
      const served = new Set<unknown>();
      for (let i = 0; i < 40; i++) {
        const answer = await postJson(port, '/anthropic/v1/messages', body, { 'anthropic-version': '2023-06-01' });
        expect(answer.status, answer.text).to.equal(200);
        served.add(answer.headers['x-fake']);
      }
      expect([...served].sort()).to.eql([BEDROCK, VERTEX]);
      for (const [down, up] of [
        [BEDROCK, VERTEX],
        [VERTEX, BEDROCK],
      ] as const) {
        for (const one of fakes.values()) await one.reset();
        await loseNothing('claude-sonnet-4-5', down, up);
      }
    });

    it('self-hosted.yaml: what the own server cannot take goes to OpenAI, for another model', async () => {
      const { ask, load } = await start('self-hosted.yaml');
      expect((await ask('gpt-oss-120b')).headers['x-headgate-backend']).to.equal('default/own');
      await loseNothing('gpt-oss-120b', 'models.example.internal', 'api.openai.com');
      expect(fake('api.openai.com').last.json).to.include({ model: 'gpt-5-mini' });
      await fake('models.example.internal').refuse();
      expectAllServed(await load('gpt-oss-120b', { concurrency: 64, total }), total);
    });
  });
}
