/** A marked secret through every source and every way to fail: nothing that people see holds it. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { createTokens } from '../../../src/credentials/tokens.ts';
import type { TokenSource } from '../../../src/ir/index.ts';
import { formatFinding } from '../../../src/lib/findings.ts';
import { createLogger } from '../../../src/telemetry/index.ts';
import type { Fault } from '../../fakes/index.ts';
import { CONTAINER, GOOGLE_ACCOUNT, GOOGLE_USER, SIGN_IN } from '../../fakes/tokens/index.ts';
import { tempDir, until } from '../../support/index.ts';
import { type Services, sourcesOf, startServices } from './rig.ts';

const MARK = 'MARKED';
const CONCEALED = {
  signIn: 'sign-in-0',
  refresh: SIGN_IN.refreshToken,
  client: SIGN_IN.clientSecret,
  container: CONTAINER.authorization,
  workload: 'id-token-of-a-workload',
};
/** What stands in the private key; a line of it is enough to find it. */
const KEY_LINE = GOOGLE_ACCOUNT.privateKey.split('\n')[3] ?? '';

describe('credentials: secrets are shown nowhere', () => {
  let services: Services;
  before(async () => {
    services = await startServices();
  });
  after(() => services?.stop());

  /** Every secret that goes in is marked, so every service refuses it and says it back. */
  const marked = (): Record<string, TokenSource> =>
    JSON.parse(
      JSON.stringify(sourcesOf(services), (key, value: unknown) =>
        ['clientSecret', 'secretAccessKey'].includes(key) ? `${MARK}-${String(value)}` : value,
      ),
    ) as Record<string, TokenSource>;

  async function shown(sources: Record<string, TokenSource>, env = services.env): Promise<string> {
    const lines: string[] = [];
    const logger = createLogger({ level: 'debug', format: 'json', write: (line) => void lines.push(line) });
    const tokens = createTokens({ env, logger, onChange: () => undefined });
    tokens.use(
      new Map(Object.entries(sources).map(([name, source]) => [`BackendSecurityPolicy/x/${name}/token`, source])),
    );
    await until(() => tokens.status().every(({ state, failure }) => state === 'valid' || failure), {
      what: 'all tokens',
    });
    const all = JSON.stringify({ status: tokens.status(), findings: tokens.findings() });
    const text = [all, ...tokens.findings().map(formatFinding), ...lines].join('\n');
    tokens.close();
    expect(lines.join('')).to.match(/BackendSecurityPolicy\/x\//);
    return text;
  }

  const assertNone = (text: string): void => {
    const given = [...services.givers, services.idp].flatMap(({ issued }) => issued.tokens);
    const secrets = [...services.sts.sessions, ...services.aws.sessions].map(({ secretAccessKey }) => secretAccessKey);
    for (const secret of [
      MARK,
      KEY_LINE,
      'eyJ',
      ...given,
      ...secrets,
      ...Object.values(CONCEALED),
      GOOGLE_USER.refresh_token,
    ]) {
      expect(text.includes(secret), `${secret} in ${text}`).to.equal(false);
    }
  };

  it('when all goes well, and when what goes in is refused and said back', async () => {
    const well = await shown(sourcesOf(services));
    expect(well).not.to.match(/"failure"/);
    assertNone(well);
    const refused = await shown(marked());
    expect(refused.match(/"failure"/g)).to.have.length.greaterThan(4);
    assertNone(refused);
  });

  it('when a service fails in any way, and says back all that it got', async () => {
    const echo =
      (status: number) =>
      (request: { body: Buffer }): Fault => ({
        status,
        body: JSON.stringify({
          error: `${request.body}`,
          error_description: `${request.body}`,
          access_token: `${request.body}\n`,
        }),
      });
    const faults = [
      echo(200),
      echo(400),
      echo(500),
      (): Fault => ({ status: 403, body: `<Error><Code>${MARK} secret</Code></Error>` }),
      (): Fault => ({ status: 400, body: `{"error":{"status":"${MARK} x","code":7}}` }),
      (): Fault => ({ status: 302, headers: { location: `http://127.0.0.1:1/${MARK}` }, body: '' }),
      (): Fault => ({ reset: true }),
      (): Fault => ({ cutAfterChunks: 0 }),
    ];
    for (const fault of faults) {
      for (const { fake } of [...services.givers, services.idp]) fake.fault = fault;
      assertNone(await shown(marked()));
      await services.reset();
    }
  });

  it('when the default credentials are broken', async () => {
    const path = join(tempDir('adc'), 'adc.json');
    const account = { type: 'service_account', client_email: GOOGLE_ACCOUNT.email };
    const files = [
      `{"type":"authorized_user","refresh_token":"${MARK}"`,
      JSON.stringify({ type: `${MARK}` }),
      JSON.stringify({ ...account, private_key: `-----BEGIN PRIVATE KEY-----\n${MARK}\n-----END PRIVATE KEY-----\n` }),
      JSON.stringify({
        ...account,
        private_key: GOOGLE_ACCOUNT.privateKey,
        token_uri: `http://u:${MARK}@127.0.0.1:1/t?${MARK}`,
      }),
      JSON.stringify({
        type: 'authorized_user',
        ...GOOGLE_USER,
        client_secret: MARK,
        token_uri: `${services.google.fake.url}/token`,
      }),
      JSON.stringify({
        type: 'external_account',
        token_url: `${services.google.fake.url}/v1/token`,
        audience: 'x',
        subject_token_type: 'y',
        credential_source: { url: `${services.idp.fake.url}/`, headers: { authorization: `Bearer ${MARK}\n` } },
      }),
    ];
    for (const text of files) {
      writeFileSync(path, text);
      const env = { ...services.env, GOOGLE_APPLICATION_CREDENTIALS: path };
      const told = await shown({ adc: { kind: 'gcp-default' } }, env);
      expect(told).to.match(/"failure"/);
      assertNone(told);
    }
  });
});
