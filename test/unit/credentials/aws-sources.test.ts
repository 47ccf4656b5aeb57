/** Where keys of AWS come from besides STS and the Secret: files, programs, sign-ins and places of the control plane. */
import { chmodSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { splitCommand } from '../../../src/credentials/aws/process.ts';
import type { FetchContext } from '../../../src/credentials/fetch-context.ts';
import { fetchToken } from '../../../src/credentials/fetch-token.ts';
import { renewInMs } from '../../../src/credentials/renewal.ts';
import { createTokens } from '../../../src/credentials/tokens.ts';
import type { TokenSource } from '../../../src/ir/index.ts';
import type { GatewayError } from '../../../src/lib/errors.ts';
import { createLogger } from '../../../src/telemetry/index.ts';
import { AWS_CREDENTIALS } from '../../fakes/index.ts';
import { CONTAINER, ROLE, SIGN_IN } from '../../fakes/tokens/index.ts';
import { tempDir, until } from '../../support/index.ts';
import { contextOf, leaveSignIn, type Services, SSO_SESSION, sourcesOf, startServices } from './rig.ts';

describe('credentials: sources of AWS keys', () => {
  let services: Services;
  before(async () => {
    services = await startServices();
  });
  beforeEach(() => services.reset());
  after(() => services?.stop());

  const ask = (one: TokenSource, env: FetchContext['env'] = {}, more: Partial<FetchContext> = {}) =>
    fetchToken(one, contextOf({ ...services.env, ...env }, more));
  const keysOf = async (one: TokenSource, env: FetchContext['env'] = {}): Promise<string> => {
    const { secret } = await ask(one, env);
    return secret.kind === 'aws' ? secret.accessKeyId : secret.kind;
  };
  const refusal = async (one: TokenSource, env: FetchContext['env'] = {}, more: Partial<FetchContext> = {}) => {
    const error = await ask(one, env, more).catch((caught: GatewayError) => caught);
    if (!(error instanceof Error)) throw new Error('keys were given');
    return error.message;
  };

  describe('profiles of the control plane', () => {
    const folder = tempDir('aws');
    const files = (config: string, credentials = ''): FetchContext['env'] => {
      const [AWS_CONFIG_FILE, AWS_SHARED_CREDENTIALS_FILE] = [join(folder, 'config'), join(folder, 'credentials')];
      writeFileSync(AWS_CONFIG_FILE, config);
      writeFileSync(AWS_SHARED_CREDENTIALS_FILE, credentials);
      return { AWS_CONFIG_FILE, AWS_SHARED_CREDENTIALS_FILE };
    };
    const own = (profile: string): TokenSource => ({ kind: 'aws-profile', region: 'us-east-1', profile });
    const keys = `aws_access_key_id = ${AWS_CREDENTIALS.accessKeyId}\naws_secret_access_key = ${AWS_CREDENTIALS.secretAccessKey}\n`;

    it('give what they say: keys, a chain of roles, a place, a file, a sign-in', async () => {
      leaveSignIn(services);
      const role = `role_arn = ${ROLE}\nexternal_id = ext-1\n`;
      const env = files(
        `[profile role]\n${role}source_profile = base\n[profile chain]\n${role}source_profile = role\n` +
          `[profile place]\n${role}credential_source = EcsContainer\n` +
          `[profile file]\nrole_arn = ${ROLE}\nweb_identity_token_file = ${services.env.AZURE_FEDERATED_TOKEN_FILE}\n` +
          `[profile sso]\nsso_session = ${SSO_SESSION}\nsso_account_id = ${SIGN_IN.accountId}\nsso_role_name = ${SIGN_IN.roleName}\n` +
          `[sso-session ${SSO_SESSION}]\nsso_region = eu-west-1\nsso_start_url = https://x\n`,
        `[base]\n${keys}`,
      );
      expect(await keysOf(own('base'), env)).to.equal(AWS_CREDENTIALS.accessKeyId);
      const { sts, aws } = services;
      for (const profile of ['role', 'chain', 'place', 'file']) {
        expect(await keysOf(own(profile), env), profile).to.equal(sts.sessions.at(-1)?.accessKeyId);
      }
      expect(await keysOf(own('sso'), env)).to.equal(aws.sessions.at(-1)?.accessKeyId);
    });

    it('take each role of a chain with the keys of the one before', async () => {
      const role = `role_arn = ${ROLE}\nexternal_id = ext-1\n`;
      const env = files(
        `[profile a]\n${role}source_profile = b\n[profile b]\n${role}source_profile = c\n[profile c]\n${keys}`,
      );
      const { sts } = services;
      const from = sts.sessions.length;
      await ask(own('a'), env);
      const callers = sts.fake.requests.map(({ headers }) => /Credential=(\w+)/.exec(headers.authorization ?? '')?.[1]);
      expect(callers).to.eql([AWS_CREDENTIALS.accessKeyId, sts.sessions[from]?.accessKeyId]);
      expect(sts.fake.last.headers['x-amz-security-token']).to.equal(sts.sessions[from]?.sessionToken);
    });

    it('are those of the user alone: nothing of the directory that the process stands in', async () => {
      const home = tempDir('no-home');
      mkdirSync(join(home, '.aws'));
      writeFileSync(join(home, '.aws', 'config'), `[profile x]\n${keys}`);
      const before = globalThis.process.cwd();
      globalThis.process.chdir(home);
      try {
        expect(await keysOf(own('x'), { HOME: home })).to.equal(AWS_CREDENTIALS.accessKeyId);
        expect(await refusal(own('x'), { HOME: '' })).to.match(/has no profile "x"$/);
        expect(await refusal(sourcesOf(services)['aws-sso'] as TokenSource, { HOME: '' })).to.match(
          /^nobody has a home/,
        );
      } finally {
        globalThis.process.chdir(before);
      }
    });

    it('read no token without an end', async () => {
      for (const tokenFile of ['/dev/zero', tempDir('none')]) {
        const web = { ...sourcesOf(services)['aws-token-file'], subject: { tokenFile } } as TokenSource;
        expect(await refusal(web)).to.equal('the web_identity_token_file of the profile cannot be read');
      }
    });

    it('are read again each time, and say what is wrong with them', async () => {
      const at = 'the AWS configuration of the control plane';
      expect(await refusal(own('x'), files(''))).to.equal(`${at} has no profile "x"`);
      expect(await keysOf(own('x'), files(`[profile x]\n${keys}`))).to.equal(AWS_CREDENTIALS.accessKeyId);
      const none = { AWS_CONFIG_FILE: join(folder, 'none'), AWS_SHARED_CREDENTIALS_FILE: join(folder, 'none') };
      expect(await refusal(own('x'), none)).to.equal(`${at} has no profile "x"`);
    });

    it('that have no end are looked at again, and their status says so', async () => {
      expect(renewInMs(Number.POSITIVE_INFINITY, 0)).to.equal(300_000);
      expect(renewInMs(Number.POSITIVE_INFINITY, 1)).to.be.within(200_000, 300_000);
      const env = files(`[profile x]\n${keys}`);
      const logger = createLogger({ level: 'debug', format: 'json', write: () => undefined });
      const tokens = createTokens({ env, logger, onChange: () => undefined });
      tokens.use(new Map([['BackendSecurityPolicy/x/y/token', own('x')]]));
      await until(() => tokens.values.size > 0, { what: 'keys' });
      expect(tokens.status()[0]).to.include({ state: 'valid', source: 'AWS profile x of the control plane' });
      expect(tokens.status()[0]).not.to.have.property('expiresAt');
      tokens.close();
    });
  });

  describe('programs', () => {
    const folder = tempDir('process');
    const program = (text: string, name = 'keys'): string => {
      const path = join(folder, name);
      writeFileSync(path, `#!/bin/sh\n${text}\n`);
      chmodSync(path, 0o755);
      return path;
    };
    const prints = (answer: object): string => `cat <<'E'\n${JSON.stringify(answer)}\nE`;
    const process = (command: string): TokenSource => ({ kind: 'aws-process', command });
    const GIVEN = { Version: 1, AccessKeyId: 'AKIAPROGRAM', SecretAccessKey: 'program/secret' };
    const env = { PATH: globalThis.process.env.PATH };

    it('print keys, with or without an end', async () => {
      const endless = await ask(process(program(prints(GIVEN))), env);
      expect(endless).to.eql({
        secret: { kind: 'aws', accessKeyId: 'AKIAPROGRAM', secretAccessKey: 'program/secret' },
        expiresAtMs: Number.POSITIVE_INFINITY,
      });
      const Expiration = new Date(Date.now() + 60_000).toISOString();
      const given = { ...GIVEN, SessionToken: 'session', Expiration };
      const { secret, expiresAtMs } = await ask(process(program(prints(given))), env);
      expect(secret).to.include({ sessionToken: 'session' });
      expect(expiresAtMs).to.equal(Date.parse(Expiration));
    });

    it('get their arguments as they are written, and no shell', async () => {
      const path = program(`printf '{"Version":1,"SecretAccessKey":"s","AccessKeyId":"%s"}' "$*"`, 'my keys');
      const command = `"${path}" --a 'b  c' d\\ e $HOME ; \`x\` "q'"`;
      expect(await keysOf(process(command), env)).to.equal("--a b  c d e $HOME ; `x` q'");
      expect(splitCommand('"a\\\\b\\"c\\d"')).to.eql(['a\\b"c\\d']);
      expect(splitCommand(` a "b c"'d'\\ e '' `)).to.eql(['a', 'b cd e', '']);
      expect(splitCommand('')).to.eql([]);
    });

    it('that fail say nothing of what they know', async () => {
      const says = async (text: string): Promise<string> => refusal(process(program(text)), env);
      expect(await says('echo SECRET >&2; echo SECRET; exit 3')).to.equal('credential_process keys ended with 3');
      expect(await says('echo SECRET')).to.equal('credential_process keys printed no keys of Version 1');
      const wrong = { ...GIVEN, Version: 2 };
      expect(await says(prints(wrong))).to.equal('credential_process keys printed no keys of Version 1');
      expect(await says(prints({ Version: 1 }))).to.equal('credential_process keys gave no keys');
      expect(await says(prints({ ...GIVEN, Expiration: 'SECRET' }))).to.equal(
        'credential_process keys gave keys with an Expiration that is none',
      );
      expect(await says('head -c 200000 /dev/zero')).to.match(/^credential_process keys cannot be run: ERR_CHILD_PR/);
      expect(await refusal(process(`${folder}/none --key SECRET`))).to.equal(
        'credential_process none cannot be run: ENOENT',
      );
      expect(await refusal(process(' '))).to.equal('credential_process names no program');
    });

    it('are waited for no longer than for a service, and get nothing to read', async () => {
      const slow = process(program('exec sleep 60'));
      const signal = AbortSignal.timeout(200);
      expect(await refusal(slow, env, { signal })).to.equal('credential_process keys did not end in time');
      expect(await keysOf(process(program(`cat\n${prints(GIVEN)}`)), env)).to.equal('AKIAPROGRAM');
    });
  });

  describe('IAM Identity Center', () => {
    const sso = (): TokenSource => sourcesOf(services)['aws-sso'] as TokenSource;
    const soon = (ms: number): string => new Date(Date.now() + ms).toISOString();
    const cached = (path: string) => JSON.parse(readFileSync(path, 'utf8')) as Record<string, string>;

    it('gives keys of a role to who is signed in', async () => {
      expect(await keysOf(sso())).to.equal(services.aws.sessions.at(-1)?.accessKeyId);
      expect(services.aws.fake.requests.map(({ pathname }) => pathname)).to.eql(['/federation/credentials']);
    });

    it('renews a sign-in that is about to end, and leaves the new one to the others', async () => {
      const source = sso();
      const path = leaveSignIn(services, { expiresAt: soon(60_000), startUrl: 'https://x', region: 'eu-west-1' });
      await ask(source);
      expect(services.aws.fake.requests.map(({ pathname }) => pathname)).to.eql(['/token', '/federation/credentials']);
      const { accessToken, expiresAt, startUrl, refreshToken } = cached(path);
      expect(services.aws.fake.last.headers['x-amz-sso_bearer_token']).to.equal(accessToken);
      expect(accessToken).not.to.equal('sign-in-0');
      expect(Date.parse(expiresAt ?? '') - Date.now()).to.be.greaterThan(3_000_000);
      expect({ startUrl, refreshToken }).to.eql({ startUrl: 'https://x', refreshToken: SIGN_IN.refreshToken });
      expect(statSync(path).mode & 0o777).to.equal(0o600);
      await ask(source);
      expect(services.aws.fake.requests).to.have.length(3);
    });

    it('uses a sign-in to its end where it cannot be renewed, and then says what to do', async () => {
      const source = sso();
      leaveSignIn(services, { expiresAt: soon(60_000), refreshToken: 'revoked' });
      await ask(source);
      leaveSignIn(services, { expiresAt: soon(-1000), refreshToken: 'revoked' });
      expect(await refusal(source)).to.match(/\/token answered 400 invalid_grant$/);
      const again = 'on the machine of the control plane: run aws sso login there';
      for (const more of [{ refreshToken: undefined }, { registrationExpiresAt: soon(-1000) }]) {
        leaveSignIn(services, { expiresAt: soon(-1000), ...more });
        expect(await refusal(source)).to.equal(`the sign-in to IAM Identity Center has ended ${again}`);
      }
      const nobody = `nobody has signed in to IAM Identity Center ${again}`;
      expect(await refusal(source, { HOME: tempDir('nobody') })).to.equal(nobody);
      writeFileSync(leaveSignIn(services), '{"accessToken":"a b"}');
      expect(await refusal(source)).to.equal(nobody);
    });

    it('says what the portal refuses', async () => {
      const source = sso();
      expect(await refusal({ ...source, roleName: 'Other' } as TokenSource)).to.match(
        /\/federation\/credentials answered 403 ForbiddenException$/,
      );
      leaveSignIn(services, { accessToken: 'unknown' });
      expect(await refusal(source)).to.match(/\/federation\/credentials answered 401 UnauthorizedException$/);
    });
  });

  describe('places', () => {
    const at = (place: 'Environment' | 'Ec2InstanceMetadata' | 'EcsContainer'): TokenSource => ({
      kind: 'aws-environment',
      place,
    });
    const says = 'the environment of the control plane';

    it('are variables', async () => {
      const env = { AWS_ACCESS_KEY_ID: 'AKIAVARIABLE', AWS_SECRET_ACCESS_KEY: 's', AWS_SESSION_TOKEN: 't' };
      expect((await ask(at('Environment'), env)).secret).to.eql({
        kind: 'aws',
        accessKeyId: 'AKIAVARIABLE',
        secretAccessKey: 's',
        sessionToken: 't',
      });
      expect(await refusal(at('Environment'))).to.equal(`${says} has no AWS_ACCESS_KEY_ID with AWS_SECRET_ACCESS_KEY`);
    });

    it('are the metadata of an instance, asked by version 2 alone', async () => {
      expect(await keysOf(at('Ec2InstanceMetadata'))).to.equal(services.aws.sessions.at(-1)?.accessKeyId);
      expect(services.aws.fake.requests.map(({ method }) => method)).to.eql(['PUT', 'GET', 'GET']);
      expect(await refusal(at('Ec2InstanceMetadata'), { AWS_EC2_METADATA_DISABLED: 'TRUE' })).to.equal(
        `${says} says AWS_EC2_METADATA_DISABLED`,
      );
    });

    it('are the endpoint of a container, by a token of a variable or a file, on this machine or by TLS', async () => {
      expect(await keysOf(at('EcsContainer'))).to.equal(services.aws.sessions.at(-1)?.accessKeyId);
      const path = join(tempDir('container'), 'token');
      writeFileSync(path, `${CONTAINER.authorization}\n`);
      const file = { AWS_CONTAINER_AUTHORIZATION_TOKEN: 'wrong', AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE: path };
      expect(await keysOf(at('EcsContainer'), file)).to.equal(services.aws.sessions.at(-1)?.accessKeyId);
      expect(await refusal(at('EcsContainer'), { AWS_CONTAINER_AUTHORIZATION_TOKEN: 'wrong' })).to.match(
        /\/v2\/credentials\/1234 answered 401$/,
      );
      const none = { AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE: `${path}.none` };
      expect(await refusal(at('EcsContainer'), none)).to.match(/TOKEN_FILE that cannot be read$/);
      for (const url of ['http://example.com/keys', 'http://169.254.1.1/', 'file:///etc/passwd', 'here']) {
        const far = { AWS_CONTAINER_CREDENTIALS_FULL_URI: url };
        expect(await refusal(at('EcsContainer'), far)).to.equal(
          `${says} has an AWS_CONTAINER_CREDENTIALS_FULL_URI without TLS that is not on this machine`,
        );
      }
      expect(await refusal(at('EcsContainer'), { AWS_CONTAINER_CREDENTIALS_FULL_URI: '' })).to.match(/^.* has neither/);
    });
  });
});
