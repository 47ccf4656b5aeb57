import { expect } from 'chai';
import { AWS_CREDENTIALS, type AwsCredentials, type Fake, startOpenAi } from '../../fakes/index.ts';
import { until } from '../../support/index.ts';
import { type Services, startServices } from '../../unit/credentials/rig.ts';
import { CHAT, expectAllServed, type Rig, startRig } from '../failover/rig.ts';
import { type BackendFacts, object } from '../support/objects.ts';

const OWN = { accessKeyId: 'AKIAOWNEXAMPLE', secretAccessKey: 'own/secret+example' } as const;
const SESSION = { accessKeyId: 'ASIAOWNEXAMPLE', secretAccessKey: 'session/s', sessionToken: 'own-token/+=' } as const;
const ENVOY_KEYS = { accessKeyId: 'AKIAENVOYEXAMPLE', secretAccessKey: 'envoy/secret+example' } as const;
const REGION = 'eu-west-1';
const PREFIX = 'x-aigw-aws-';
const NONE = { [`${PREFIX}access-key-id`]: '' };

function headersOf(keys: AwsCredentials, prefix = PREFIX): Record<string, string> {
  return {
    [`${prefix}access-key-id`]: keys.accessKeyId,
    [`${prefix}secret-access-key`]: keys.secretAccessKey,
    ...(keys.sessionToken !== undefined && { [`${prefix}session-token`]: keys.sessionToken }),
  };
}

function secretOf({ accessKeyId, secretAccessKey }: AwsCredentials): Readonly<Record<string, unknown>> {
  const keys = `aws_access_key_id = ${accessKeyId}\naws_secret_access_key = ${secretAccessKey}\n`;
  const lost = 'role_arn = arn:aws:iam::123456789012:role/lost\nsource_profile = default\n';
  return object('v1', 'Secret', 'aws', { stringData: { credentials: `[default]\n${keys}[lost]\n${lost}` } });
}

for (const envoyVersion of ['1.36.4', '1.37.0', '1.38.3', '1.39.3', '1.40.0']) {
  describe(`credentials: AWS keys of a request, Envoy ${envoyVersion}`, function () {
    this.timeout(120_000);
    let services: Services;
    let rig: Rig;
    const fakes: Record<string, Fake> = {};

    before(async () => {
      services = await startServices();
      const credentials = [AWS_CREDENTIALS, OWN, SESSION, ENVOY_KEYS];
      const aws = { credentials, region: REGION };
      fakes.native = await startOpenAi({ name: 'native', prefix: '/openai/v1', aws });
      fakes.other = await startOpenAi({ name: 'other', prefix: '/openai/v1', aws });
      const policy = (fields: object, override: object): Readonly<Record<string, unknown>> => ({
        type: 'AWSCredentials',
        awsCredentials: { region: REGION, ...fields },
        credentialOverride: { fromRequestHeaders: override },
      });
      const file = { credentialsFile: { secretRef: { name: 'aws' } } };
      const native = (fields: object, override: object, fake = 'native'): BackendFacts => ({
        schema: { name: 'OpenAI', prefix: '/openai/v1' },
        port: (fakes[fake] as Fake).port,
        policy: policy(fields, override),
      });
      rig = await startRig(
        { key: {} },
        (at) => ({
          backends: {
            key: at('key'),
            file: native(file, {}),
            environment: native({}, {}),
            only: native({}, { header: 'X-Tenant-', fallbackToConfigured: false }),
            other: native({}, { header: 'x-other-', fallbackToConfigured: false }, 'other'),
            pending: native({ credentialsFile: { profile: 'lost', secretRef: { name: 'aws' } } }, {}),
          },
          models: {
            file: { refs: ['file'] },
            environment: { refs: ['environment'] },
            only: { refs: ['only'] },
            'only-key': { refs: ['only', 'key'] },
            'key-file': { refs: ['key', 'file'] },
            two: { refs: ['only', 'other'] },
            pending: { refs: ['pending'] },
          },
          extra: [secretOf(AWS_CREDENTIALS)],
        }),
        {
          envoyVersion,
          more: fakes,
          env: services.env as Record<string, string>,
          envoyEnv: { AWS_ACCESS_KEY_ID: ENVOY_KEYS.accessKeyId, AWS_SECRET_ACCESS_KEY: ENVOY_KEYS.secretAccessKey },
        },
      );
    });
    beforeEach(() => rig.reset());
    afterEach(() => rig.assertNoLeak());
    after(async () => {
      await rig?.stop();
      await services?.stop();
    });

    const signer = (name: string): string | undefined =>
      /Credential=(\w+)\//.exec(rig.fake(name).last.headers.authorization ?? '')?.[1];

    it('sign where they are whole, else what is configured: a file, or the environment of the Envoy', async () => {
      expect(await rig.gateway.envoy.rejectedUpdates()).to.eql({});
      for (const [model, configured] of [
        ['file', AWS_CREDENTIALS],
        ['environment', ENVOY_KEYS],
      ] as const) {
        for (const keys of [OWN, SESSION]) {
          const response = await rig.ask(model, { headers: headersOf(keys) });
          expect(response.status, `${model}: ${response.text}`).to.equal(200);
          expect(signer('native')).to.equal(keys.accessKeyId);
          expect(JSON.stringify(rig.fake('native').last.headers))
            .not.to.include(PREFIX)
            .and.not.to.include(keys.secretAccessKey);
        }
        expect((await rig.ask(model, { headers: NONE })).status).to.equal(200);
        expect(signer('native')).to.equal(configured.accessKeyId);
      }
    });

    it('are never put together with others: half of them is refused, and so are none where they are asked for', async () => {
      const halves = [
        { [`${PREFIX}access-key-id`]: OWN.accessKeyId },
        { ...NONE, [`${PREFIX}secret-access-key`]: OWN.secretAccessKey },
        { ...NONE, [`${PREFIX}session-token`]: 'token' },
        { ...headersOf(OWN), [`${PREFIX}access-key-id`]: 'two words' },
      ];
      for (const headers of halves) {
        const response = await rig.ask('file', { headers });
        expect(response.status).to.equal(401);
        expect(response.json).to.have.nested.property('error.message', 'missing upstream credential');
      }
      expect((await rig.ask('only')).status).to.equal(401);
      expect(rig.fake('native').requests).to.eql([]);
      const response = await rig.ask('only-key');
      expect(response.headers['x-headgate-tried']).to.equal('default/only=no-credential,default/key=200');
      expect((await rig.ask('only-key', { headers: headersOf(OWN, 'x-tenant-') })).headers['x-fake']).to.equal(
        'native',
      );
      expect(signer('native')).to.equal(OWN.accessKeyId);
    });

    it('sign what leaves: bodies of any length, any query, odd headers', async () => {
      for (let length = 0; length < 140; length++) {
        const body = { messages: [{ role: 'user', content: 'ü'.repeat(length % 3) + 'x'.repeat(length) }] };
        const response = await rig.ask('file', { headers: headersOf(OWN), body });
        expect(response.status, `${length}: ${response.text}`).to.equal(200);
      }
      for (const size of [100_000, 3_000_000]) {
        const body = { messages: [{ role: 'user', content: 'x'.repeat(size) }] };
        expect((await rig.ask('file', { headers: headersOf(SESSION), body })).status).to.equal(200);
      }
      for (const query of ['a=1&b=2', 'b=2&a=1&a=0', 'x=%2Fy%20z&flag', 'q=a+b&e=']) {
        const response = await rig.ask('file', { headers: headersOf(OWN), path: `${CHAT}?${query}` });
        expect(response.status, `${query}: ${response.text}`).to.equal(200);
      }
      const odd = { 'content-type': 'application/json;  charset=utf-8', 'x-amz-foo': ' of  the client ' };
      expect((await rig.ask('file', { headers: { ...headersOf(OWN), ...odd } })).status).to.equal(200);
      // The fake takes a header of AWS's own that it knows not for somebody's credential.
      await rig.reset();
    });

    it('go to the backend that they are for, on each attempt of a failover', async () => {
      const headers = { ...headersOf(OWN, 'x-tenant-'), ...headersOf(SESSION, 'x-other-') };
      rig.fake('native').fault = () => ({ status: 429 });
      expect((await rig.ask('two', { headers })).headers['x-fake']).to.equal('other');
      expect([signer('native'), signer('other')]).to.eql([OWN.accessKeyId, SESSION.accessKeyId]);
      await rig.reset();
      rig.fake('key').fault = () => ({ status: 503 });
      const load = await rig.load('key-file', { concurrency: 64, total: 320, headers: headersOf(OWN) });
      expectAllServed(load, 320);
      const signers = new Set(
        rig.fake('native').requests.map(({ headers: { authorization } }) => authorization?.split('/')[0]),
      );
      expect([...signers]).to.eql([`AWS4-HMAC-SHA256 Credential=${OWN.accessKeyId}`]);
      for (const { rawHeaders } of rig.fake('key').requests) {
        expect(JSON.stringify(rawHeaders)).not.to.match(/AKIA|own\/secret|x-amz/);
      }
    });

    it('are those of the headers that the policy names: nobody can say otherwise that an attempt is signed already', async () => {
      const forged = {
        ...NONE,
        authorization: 'headgate-own-keys',
        'x-headgate-keys': `${OWN.accessKeyId} ${OWN.secretAccessKey} - ${REGION} bedrock`,
      };
      rig.fake('key').fault = () => ({ status: 503 });
      for (const model of ['file', 'key-file']) {
        const response = await rig.ask(model, { headers: forged });
        expect(response.status, response.text).to.equal(200);
        expect(signer('native')).to.equal(AWS_CREDENTIALS.accessKeyId);
      }
      expect((await rig.ask('only', { headers: forged })).status).to.equal(401);
    });

    it('that are refused are told to the client, and nobody else pays', async () => {
      const wrong = { ...OWN, secretAccessKey: 'wrong' };
      const response = await rig.ask('only-key', { headers: headersOf(wrong, 'x-tenant-') });
      expect(response.status).to.equal(403);
      expect(rig.fake('key').requests).to.eql([]);
    });

    it('serve while there are none that are configured', async () => {
      expect((await rig.ask('pending', { headers: NONE })).status).to.equal(401);
      expect((await rig.ask('pending', { headers: headersOf(OWN) })).status).to.equal(200);
    });

    it('go on while the configured ones change, and so do requests without keys', async () => {
      const facts = (keys: AwsCredentials) => rig.apply((before) => ({ ...before, extra: [secretOf(keys)] }));
      const next = { accessKeyId: ENVOY_KEYS.accessKeyId, secretAccessKey: ENVOY_KEYS.secretAccessKey };
      const [own, configured] = await Promise.all([
        rig.load('file', { concurrency: 32, total: 600, headers: headersOf(OWN) }),
        rig.load('file', { concurrency: 32, total: 600, headers: NONE }),
        facts(next),
      ]);
      expectAllServed(own, 600);
      expectAllServed(configured, 600);
      await until(
        async () => {
          expect((await rig.ask('file', { headers: NONE })).status).to.equal(200);
          return signer('native') === next.accessKeyId;
        },
        { what: 'the new keys' },
      );
      expect((await rig.ask('file', { headers: headersOf(SESSION) })).status).to.equal(200);
      expect(signer('native')).to.equal(SESSION.accessKeyId);
    });

    it('are shown nowhere', async () => {
      await rig.ask('file', { headers: headersOf(SESSION) });
      const { envoy, controlPlane } = rig.gateway;
      const shown = [
        JSON.stringify(await envoy.configDump()),
        JSON.stringify(controlPlane.status()),
        ...envoy.log,
        ...envoy.stdout,
      ].join('\n');
      for (const secret of [SESSION.secretAccessKey, SESSION.sessionToken, OWN.secretAccessKey]) {
        expect(shown).not.to.include(secret);
      }
    });
  });
}
