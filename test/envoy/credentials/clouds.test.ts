import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'chai';
import { configDump } from '../../../src/envoy/config-dump.ts';
import { createLogger } from '../../../src/telemetry/index.ts';

import { SIGN_IN } from '../../fakes/tokens/index.ts';
import { CHAT, expectAllServed, type Rig, startRig, tried } from '../failover/rig.ts';
import { type Clouds, ENVOY_KEYS, HOSTS, PROGRAM_KEYS, startClouds } from './clouds-rig.ts';

/** Everything that a client, or a front in front of the gateway, may send as a credential. */
const CREDENTIALS = {
  authorization: 'Bearer client-secret',
  'proxy-authorization': 'Basic client-secret',
  'x-api-key': 'client-secret',
  'api-key': 'client-secret',
  'ocp-apim-subscription-key': 'client-secret',
  'x-goog-api-key': 'client-secret',
  'x-amz-security-token': 'client-secret',
  'x-amz-date': '20200101T000000Z',
  'x-amz-content-sha256': 'client-secret',
  cookie: 'session=client-secret',
  'x-amzn-oidc-accesstoken': 'client-secret',
  'x-amzn-oidc-data': 'client-secret',
  'x-goog-iap-jwt-assertion': 'client-secret',
  'x-ms-token-aad-access-token': 'client-secret',
  'x-ms-token-aad-id-token': 'client-secret',
  'cf-access-jwt-assertion': 'client-secret',
  'x-ms-token-aad-refresh-token': 'client-secret',
  'x-serverless-authorization': 'Bearer client-secret',
  'cf-access-client-secret': 'client-secret',
  'x-forwarded-access-token': 'client-secret',
  'x-auth-request-access-token': 'client-secret',
  'x-pomerium-jwt-assertion': 'client-secret',
  'x-aigw-api-key': 'client-secret',
  'x-aigw-azure-access-token': 'client-secret',
  'x-aigw-gcp-access-token': 'client-secret',
  'x-aigw-aws-access-key-id': 'client-secret',
  'x-aigw-aws-secret-access-key': 'client-secret',
  'x-aigw-aws-session-token': 'client-secret',
};
const QUERY =
  'key=client-secret&api_key=client-secret&api-key=client-secret&access_token=client-secret&subscription-key=client-secret';

describe('credentials: of clouds', function () {
  this.timeout(120_000);
  let clouds: Clouds;
  let rig: Rig;
  const lines: string[] = [];

  before(async () => {
    clouds = await startClouds();
    const names = Object.keys(clouds.backends);
    const alone = names.map((name) => [name, { refs: [name] }] as const);
    const pairs = names.flatMap((a) =>
      names.filter((b) => b !== a).map((b) => [`${a}.then.${b}`, { refs: [a, b] }] as const),
    );
    rig = await startRig(
      {},
      () => ({
        backends: clouds.backends,
        models: Object.fromEntries([...alone, ...pairs]),
        extra: clouds.secrets,
      }),
      {
        more: clouds.fakes,
        env: clouds.env,
        envoyEnv: clouds.envoyEnv,
        logger: createLogger({ level: 'debug', format: 'json', write: (line) => void lines.push(line) }),
      },
    );
  });
  beforeEach(() => rig.reset());
  afterEach(() => rig.assertNoLeak());
  after(async () => {
    await rig?.stop();
    await clouds?.stop();
  });

  it('are taken by providers that check them, of every kind and source', async () => {
    expect(rig.gateway.findings().filter((text) => text.startsWith('error'))).to.eql([]);
    for (const name of Object.keys(clouds.backends)) {
      const response = await rig.ask(name, { headers: CREDENTIALS, path: `${CHAT}?${QUERY}` });
      expect(response.status, `${name}: ${response.text}`).to.equal(200);
      expect(response.headers['x-fake']).to.equal(name);
    }
    expect(await rig.gateway.envoy.rejectedUpdates()).to.eql({});
  });

  it('sign for the host and the region of each endpoint: FIPS, VPC, addresses of EDS, the region alone', async () => {
    const hosts = {
      'aws-keys': HOSTS.fips,
      'aws-web': HOSTS.vpc,
      'aws-role': 'bedrock-runtime.us-east-1.amazonaws.com',
      'aws-chain': 'bedrock-runtime.us-west-2.amazonaws.com',
    };
    for (const [name, host] of Object.entries(hosts)) {
      await rig.ask(name);
      const { headers } = rig.fake(name).last;
      const region = /\.(us|eu)[a-z0-9-]+\./.exec(host)?.[0].slice(1, -1);
      expect(headers.host, name).to.equal(host);
      expect(headers.authorization, name).to.include(`/${region}/bedrock/aws4_request`);
    }
  });

  it('never meet: not one of them, nor of the client, at any other provider on any failover', async () => {
    const names = Object.keys(clouds.backends);
    for (const a of names) {
      rig.fake(a).fault = () => ({ status: 500 });
      for (const b of names.filter((name) => name !== a)) {
        const response = await rig.ask(`${a}.then.${b}`, { headers: CREDENTIALS, path: `${CHAT}?${QUERY}` });
        expect(response.headers['x-fake'], `${a} then ${b}: ${response.text}`).to.equal(b);
        expect(tried(response)).to.eql([a, b]);
      }
      rig.fake(a).fault = undefined;
    }
    for (const name of names) {
      expect(rig.fake(name).requests, name).to.have.length(2 * (names.length - 1));
      expect(JSON.stringify(rig.fake(name).requests.map(({ path }) => path))).not.to.include('client-secret');
    }
  });

  it('sign each attempt for itself under load, whoever failed before', async () => {
    rig.fake('key-openai').fault = (_request, n) => (n % 2 === 0 ? { status: 429 } : undefined);
    expectAllServed(await rig.load('key-openai.then.aws-web', { concurrency: 64, total: 400 }), 400);
    rig.fake('aws-web').fault = (_request, n) => (n % 2 === 0 ? { status: 503 } : undefined);
    expectAllServed(await rig.load('aws-web.then.azure-secret', { concurrency: 64, total: 400 }), 400);
  });

  it('are shown nowhere', async () => {
    const { envoy, controlPlane } = rig.gateway;
    for (const name of Object.keys(clouds.backends)) await rig.ask(name);
    await sleep(50);
    const view = controlPlane.view('default/gw');
    const shown = [
      JSON.stringify(await envoy.configDump()),
      JSON.stringify(controlPlane.status()),
      JSON.stringify(controlPlane.served?.ir),
      JSON.stringify(configDump(view?.resources ?? [])),
      ...rig.gateway.findings(),
      ...lines,
      ...envoy.log,
      ...envoy.stdout,
    ].join('\n');
    const { sts, entra, aws, idp, givers } = clouds.services;
    const secrets = [
      ...[...givers, idp].flatMap(({ issued }) => issued.tokens),
      ...[...sts.sessions, ...aws.sessions].map(({ secretAccessKey }) => secretAccessKey),
      ...['sk-openai', 'azure-key', 'file/secret+example', 'entra~secret', 'oidc secret', ENVOY_KEYS.secretAccessKey],
      ...[PROGRAM_KEYS.secretAccessKey, SIGN_IN.refreshToken, 'sign-in-0', 'id-token-of-a-workload'],
    ];
    const all = JSON.stringify(configDump(view?.resources ?? [], { showSecrets: true }));
    for (const secret of secrets) expect(shown.includes(JSON.stringify(secret).slice(1, -1)), secret).to.equal(false);
    // Where they are, this test would find them.
    expect(all).to.include(entra.issued.tokens[0]).and.to.include(sts.sessions[0]?.secretAccessKey);
    expect(lines.join('')).to.include('a token was fetched');
  });
});
