/** How each token is asked for: strict fakes of the services refuse what the clouds refuse. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import type { FetchContext } from '../../../src/credentials/fetch-context.ts';
import { fetchToken } from '../../../src/credentials/fetch-token.ts';
import type { OidcClient, TokenSource } from '../../../src/ir/index.ts';
import type { GatewayError } from '../../../src/lib/errors.ts';
import { AWS_CREDENTIALS } from '../../fakes/index.ts';
import { GOOGLE_ACCOUNT, GOOGLE_USER, OIDC_CLIENT, POOL, startIdentityProvider } from '../../fakes/tokens/index.ts';
import { tempDir } from '../../support/index.ts';
import { contextOf, type Services, sourcesOf, startServices, textOf } from './rig.ts';

const CLOSE_MS = 10_000;

describe('credentials: sources of tokens', () => {
  let services: Services;
  let sources: Record<string, TokenSource>;
  before(async () => {
    services = await startServices();
    sources = sourcesOf(services);
  });
  beforeEach(() => services.reset());
  after(() => services?.stop());

  const source = <T extends TokenSource['kind']>(name: string, _kind: T): Extract<TokenSource, { kind: T }> =>
    sources[name] as Extract<TokenSource, { kind: T }>;
  const ask = (one: TokenSource, more: Partial<FetchContext> = {}) => fetchToken(one, contextOf(services.env, more));
  const refusal = async (one: TokenSource, more: Partial<FetchContext> = {}): Promise<string> => {
    const error = await ask(one, more).catch((caught: GatewayError) => caught);
    if (!(error instanceof Error)) throw new Error('a token was given');
    return error.message;
  };
  const subjectOf = (change: Partial<OidcClient>): OidcClient => ({
    issuer: services.idp.fake.url,
    ...OIDC_CLIENT,
    scopes: ['openid'],
    ...change,
  });

  it('gives a token of each kind, and says when it ends', async () => {
    const given = services.givers;
    for (const { issued } of given) issued.settings.lifetimeS = 1800;
    for (const [name, one] of Object.entries(sources)) {
      const token = await ask(one);
      const last = given.map(({ issued }) => issued.tokens.at(-1));
      expect(last, name).to.include(textOf(token));
      expect(token.expiresAtMs - Date.now(), name).to.be.closeTo(1_800_000, CLOSE_MS);
    }
  });

  it('gives the keys of an AWS session whole', async () => {
    for (const name of ['aws-web-identity', 'aws-assume-role']) {
      const { secret, expiresAtMs } = await ask(sources[name] as TokenSource);
      const session = services.sts.sessions.at(-1);
      expect(secret).to.eql({
        kind: 'aws',
        accessKeyId: session?.accessKeyId,
        secretAccessKey: session?.secretAccessKey,
        sessionToken: session?.sessionToken,
      });
      expect(expiresAtMs).to.equal(session?.expiresAtMs);
    }
    const form = new URLSearchParams(services.sts.fake.last.body.toString());
    expect(Object.fromEntries(form)).to.include({ RoleSessionName: 'gateway@1', DurationSeconds: '1800' });
  });

  it('asks STS of the region, of its partition, and by FIPS where the environment says so', async () => {
    const one = source('aws-assume-role', 'aws-assume-role');
    const hostOf = async (region: string, env: FetchContext['env'] = {}): Promise<string> => {
      // Nothing leaves this machine: an aborted request says whom it was for.
      const signal = AbortSignal.abort();
      return /^[\w.-]+/.exec(await refusal({ ...one, region }, { env, signal }))?.[0] ?? '';
    };
    expect(await hostOf('eu-west-1')).to.equal('sts.eu-west-1.amazonaws.com');
    expect(await hostOf('cn-north-1')).to.equal('sts.cn-north-1.amazonaws.com.cn');
    expect(await hostOf('us-gov-west-1', { AWS_USE_FIPS_ENDPOINT: 'true' })).to.equal(
      'sts-fips.us-gov-west-1.amazonaws.com',
    );
    expect(await hostOf('us-isob-east-1')).to.equal('sts.us-isob-east-1.sc2s.sgov.gov');
  });

  it('says what STS refuses, by its code alone', async () => {
    const web = source('aws-web-identity', 'aws-web-identity');
    const role = source('aws-assume-role', 'aws-assume-role');
    const other = 'arn:aws:iam::123456789012:role/other';
    const place = `127.0.0.1:${services.sts.fake.port}/`;
    expect(await refusal({ ...web, roleArn: other })).to.equal(`${place} answered 403 AccessDenied`);
    expect(await refusal({ ...web, roleArn: 'role' })).to.equal(`${place} answered 400 ValidationError`);
    expect(await refusal({ ...role, externalId: 'wrong' })).to.equal(`${place} answered 403 AccessDenied`);
    const wrong = { ...AWS_CREDENTIALS, secretAccessKey: 'wrong' };
    expect(await refusal({ ...role, base: { kind: 'aws-keys', keys: wrong } })).to.equal(
      `${place} answered 403 SignatureDoesNotMatch`,
    );
    const unknown = { ...AWS_CREDENTIALS, accessKeyId: 'AKIAUNKNOWN' };
    expect(await refusal({ ...role, base: { kind: 'aws-keys', keys: unknown } })).to.equal(
      `${place} answered 403 InvalidClientTokenId`,
    );
    expect(await refusal({ ...role, region: 'eu-west-1' })).to.equal(`${place} answered 403 SignatureDoesNotMatch`);
  });

  it('says what Entra ID refuses, with the number that says more', async () => {
    const one = source('azure-secret', 'azure');
    const wrong = { kind: 'secret', clientSecret: 'wrong' } as const;
    expect(await refusal({ ...one, proof: wrong })).to.match(/answered 401 invalid_client AADSTS7000215$/);
    expect(await refusal({ ...one, tenantId: 'other' })).to.match(/answered 400 invalid_request AADSTS90002$/);
    expect(await refusal({ ...one, clientId: 'other' })).to.match(/answered 400 unauthorized_client AADSTS700016$/);
  });

  it('says what Google refuses', async () => {
    const account = source('gcp-service-account', 'gcp-service-account');
    expect(await refusal({ ...account, clientEmail: 'other@x' })).to.match(/\/token answered 400 invalid_grant$/);
    const federation = source('gcp-federation', 'gcp-federation');
    expect(await refusal({ ...federation, audience: '//other' })).to.match(/\/v1\/token answered 400 invalid_target$/);
    expect(await refusal({ ...federation, impersonate: 'other@x' })).to.match(
      /serviceAccounts\/other@x:generateAccessToken answered 403 PERMISSION_DENIED$/,
    );
  });

  it('shows its secret to an identity provider in the way that it takes', async () => {
    for (const way of ['basic', 'post'] as const) {
      const idp = await startIdentityProvider({ authentication: [way], idTokenAlone: true, audience: 'clouds' });
      const subject = subjectOf({ issuer: `${idp.fake.url}/`, audience: 'clouds' });
      await ask({ ...source('aws-web-identity', 'aws-web-identity'), subject });
      expect(idp.fake.requests.map(({ pathname }) => pathname)).to.eql([
        '/.well-known/openid-configuration',
        ...Array.from({ length: way === 'basic' ? 1 : 2 }, () => '/oauth/token'),
      ]);
      const direct = subjectOf({
        issuer: 'https://unused.invalid',
        tokenEndpoint: `${idp.fake.url}/oauth/token`,
        audience: 'clouds',
      });
      await ask({ ...source('azure-federated', 'azure'), proof: { kind: 'federated', subject: direct } });
      await idp.fake.close();
    }
  });

  it('says what an identity provider refuses', async () => {
    const web = source('aws-web-identity', 'aws-web-identity');
    expect(await refusal({ ...web, subject: subjectOf({ clientSecret: 'wrong' }) })).to.match(
      /\/oauth\/token answered 401 invalid_client$/,
    );
    expect(await refusal({ ...web, subject: subjectOf({ scopes: ['other'] }) })).to.match(
      /answered 400 invalid_scope$/,
    );
    services.idp.fake.fault = () => ({ status: 200, body: '{"issuer":"x"}' });
    expect(await refusal(web)).to.match(/openid-configuration names no token endpoint$/);
  });

  describe('application default credentials', () => {
    const folder = tempDir('adc');
    const file = (value: unknown): FetchContext['env'] => {
      const path = join(folder, 'adc.json');
      writeFileSync(path, typeof value === 'string' ? value : JSON.stringify(value));
      return { ...services.env, GOOGLE_APPLICATION_CREDENTIALS: path };
    };
    const account = (): object => ({
      type: 'service_account',
      client_email: GOOGLE_ACCOUNT.email,
      private_key: GOOGLE_ACCOUNT.privateKey,
      private_key_id: GOOGLE_ACCOUNT.keyId,
      token_uri: `${services.google.fake.url}/token`,
    });
    const user = (): object => ({
      type: 'authorized_user',
      ...GOOGLE_USER,
      token_uri: `${services.google.fake.url}/token`,
    });
    const impersonation = (): string =>
      `${services.google.fake.url}/v1/projects/-/serviceAccounts/${GOOGLE_ACCOUNT.email}:generateAccessToken`;
    const external = (source: unknown): object => ({
      type: 'external_account',
      audience: POOL,
      subject_token_type: 'urn:ietf:params:oauth:token-type:jwt',
      token_url: `${services.google.fake.url}/v1/token`,
      credential_source: source,
    });
    const given = async (env: FetchContext['env']): Promise<void> => {
      const before = services.google.issued.tokens.length;
      const token = await ask({ kind: 'gcp-default' }, { env });
      expect(services.google.issued.tokens.slice(before).at(-1)).to.equal(textOf(token));
    };

    it('are those of the file that the environment names, of any kind', async () => {
      await given(file(account()));
      await given(file(user()));
      await given(
        file({
          type: 'impersonated_service_account',
          source_credentials: user(),
          service_account_impersonation_url: impersonation(),
          delegates: [],
        }),
      );
      const path = join(folder, 'subject');
      writeFileSync(path, 'id-token-of-a-file\n');
      await given(file(external({ file: path })));
      writeFileSync(path, JSON.stringify({ id: 'id-token-of-a-field' }));
      const format = { type: 'json', subject_token_field_name: 'id' };
      await given(file({ ...external({ file: path, format }), service_account_impersonation_url: impersonation() }));
      services.idp.fake.fault = () => ({ status: 200, body: 'id-token-of-an-address' });
      await given(file(external({ url: `${services.idp.fake.url}/token`, headers: { 'x-asks': 'headgate' } })));
      expect(services.idp.fake.last.headers).to.include({ 'x-asks': 'headgate' });
    });

    it('are those that gcloud left, else those of the metadata server', async () => {
      const home = tempDir('gcloud');
      writeFileSync(join(home, 'application_default_credentials.json'), JSON.stringify(user()));
      await given({ ...services.env, CLOUDSDK_CONFIG: home });
      expect(services.google.fake.last.pathname).to.equal('/token');
      await given({ ...services.env, HOME: tempDir('home') });
      expect(services.google.fake.last.pathname).to.match(/^\/computeMetadata/);
    });

    it('are not those of somebody who only has the address of the metadata server', async () => {
      services.google.fake.fault = () => ({ status: 200, body: '{"access_token":"t","expires_in":9}' });
      expect(await refusal({ kind: 'gcp-default' })).to.match(/is not the metadata server$/);
    });

    it('are asked for again each time: a changed file counts', async () => {
      await given(file(user()));
      expect(await refusal({ kind: 'gcp-default' }, { env: file({ ...user(), refresh_token: 'revoked' }) })).to.match(
        /\/token answered 400 invalid_grant$/,
      );
    });

    it('are refused with what is wrong with them', async () => {
      const at = 'the file of the default credentials';
      const cases: [unknown, string][] = [
        ['no json', 'is not a JSON object'],
        ['[]', 'is not a JSON object'],
        [{ type: 'other' }, 'has a type that is not supported'],
        [{ ...user(), refresh_token: undefined }, 'lacks refresh_token'],
        [{ ...user(), token_uri: 'here' }, 'has no address in token_uri'],
        [{ ...account(), private_key: 7 }, 'lacks private_key'],
        [external({}), 'has a credential_source that is not supported'],
        [external({ environment_id: 'aws1', url: 'no' }), 'has a credential_source that is not supported'],
        [external({ file: join(folder, 'none') }), 'names a token file that cannot be read'],
        [external(undefined), 'has a credential_source that is not supported'],
        [{ type: 'impersonated_service_account' }, 'has a type that is not supported'],
      ];
      for (const [value, says] of cases) {
        expect(await refusal({ kind: 'gcp-default' }, { env: file(value) })).to.equal(`${at} ${says}`);
      }
      const env = { GOOGLE_APPLICATION_CREDENTIALS: join(folder, 'none.json') };
      expect(await refusal({ kind: 'gcp-default' }, { env })).to.match(/cannot be read/);
      expect(await refusal({ kind: 'gcp-default' }, { env: file({ ...account(), private_key: 'PEM' }) })).to.be.a(
        'string',
      );
    });
  });

  it('takes the clock of a service for its own after the first answer, however far apart they are', async () => {
    const hour = 3_600_000;
    for (const skewMs of [-2 * hour, 2 * hour]) {
      services.sts.issued.settings.skewMs = skewMs;
      services.google.issued.settings.skewMs = skewMs;
      for (const name of ['aws-assume-role', 'gcp-service-account', 'gcp-impersonation', 'aws-web-identity']) {
        const one = sources[name] as TokenSource;
        const skews = new Map<string, number>();
        // What is signed with a date is refused once.
        if (name === 'aws-assume-role' || name === 'gcp-service-account') await refusal(one, { skews });
        const token = await ask(one, { skews });
        const lifetime = name === 'aws-assume-role' ? hour / 2 : hour;
        expect(token.expiresAtMs - Date.now(), `${name} ${skewMs}`).to.be.closeTo(lifetime, CLOSE_MS);
      }
    }
  });

  it('takes no answer for a token that is none', async () => {
    const answers = [
      '',
      '{}',
      '[]',
      'null',
      '<x/>',
      '{"access_token":7}',
      '{"access_token":"a b"}',
      '{"access_token":"a\\r\\nx: y"}',
      '{"accessToken":"t"}',
      '{"accessToken":"t","expireTime":"soon"}',
      '<Credentials><AccessKeyId>a</AccessKeyId></Credentials>',
      'x'.repeat(2 * 1024 * 1024),
    ];
    for (const [name, one] of Object.entries(sources)) {
      for (const body of answers) {
        for (const { fake } of services.givers) fake.fault = () => ({ status: 200, body });
        expect(await refusal(one), `${name}: ${body.slice(0, 40)}`).to.match(/gave no|is not the metadata|more than/);
      }
    }
  });

  it('waits for nobody for ever, and goes nowhere else', async () => {
    for (const [name, one] of Object.entries(sources)) {
      await services.reset();
      const fakes = services.givers.map(({ fake }) => fake);
      for (const fake of fakes) fake.fault = () => ({ hang: true });
      expect(await refusal(one, { signal: AbortSignal.timeout(100) }), name).to.match(/did not answer in time$/);
      for (const fake of fakes) fake.fault = () => ({ status: 200, slowFirstByteMs: 5000, body: '{}' });
      expect(await refusal(one, { signal: AbortSignal.timeout(100) }), name).to.match(/did not answer in time$/);
      for (const fake of fakes) fake.fault = () => ({ reset: true });
      expect(await refusal(one), name).to.match(/cannot be reached/);
      const away = { location: `${services.idp.fake.url}/stolen` };
      for (const fake of fakes) fake.fault = () => ({ status: 307, body: '', headers: away });
      expect(await refusal(one), name).to.match(/cannot be reached/);
      expect(services.idp.fake.requests.map(({ pathname }) => pathname)).not.to.include('/stolen');
      for (const fake of fakes) await fake.refuse();
      expect(await refusal(one), name).to.match(/cannot be reached: (ECONNREFUSED|UND_ERR_SOCKET)$/);
    }
  });
});
