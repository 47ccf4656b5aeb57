import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { type AdminServer, createAdminServer } from '../../../src/admin/index.ts';
import type { ControlPlaneStatus } from '../../../src/cli/control-plane.ts';
import { tempDir } from '../../support/index.ts';
import { headgate, yamlFile } from './cli.ts';

const QUIET: ControlPlaneStatus = {
  served: { hash: 'h1', since: '2026-01-01T00:00:00.000Z' },
  inPart: false,
  gateways: ['infra/edge'],
  findings: [],
  tokens: [],
  withheld: [],
  rollouts: [],
  nodes: [],
};

describe('cli: status of a server', () => {
  let server: AdminServer | undefined;
  afterEach(async () => {
    await server?.close();
  });

  async function status(shown: Partial<ControlPlaneStatus>, token?: string): Promise<string[]> {
    const { served, ...rest } = { ...QUIET, ...shown };
    server = createAdminServer({
      status: () => ({ ...rest, ...(shown.saved ? {} : { served }) }),
      readiness: () => [],
      configDump: () => undefined,
      metrics: async () => '',
      ...(token !== undefined && { token: () => token }),
    });
    const { port } = await server.listen({ host: '127.0.0.1', port: 0 });
    return ['status', '--server', `127.0.0.1:${port}`, '-o', 'table'];
  }

  it('says what is withheld, and instead of what', async () => {
    const common = { key: 'infra/edge@0123', nodeId: 'e1', count: 3, message: 'no', time: '2026-01-01T00:00:00.000Z' };
    const typeUrl = 'type.googleapis.com/envoy.config.cluster.v3.Cluster';
    const { stdout, code } = await headgate(
      await status({
        withheld: [
          { ...common, typeUrl, name: 'Backend/infra/a', instead: 'accepted' },
          { ...common, typeUrl, name: 'Backend/infra/b', instead: 'nothing' },
        ],
      }),
    );
    expect(code).to.equal(0);
    expect(stdout).to.contain(
      'Withheld  Cluster Backend/infra/a of infra/edge: rejected, proxies get the form that was accepted last\n' +
        'Withheld  Cluster Backend/infra/b of infra/edge: rejected, proxies go without\n',
    );
  });

  it('says how far a change has got', async () => {
    const change = { key: 'infra/edge@0123', from: 'v1', to: 'v2', nodes: 2, of: 20 } as const;
    for (const [phase, words] of [
      ['trying', '2 of 20 proxies have the newer revision\n'],
      [
        'pausing',
        '2 of 20 proxies have the newer revision, all of them accepted it; the rest follow after the pause\n',
      ],
      ['stopped', 'one of them rejected it: stopped until the source changes\n'],
    ] as const) {
      const { stdout } = await headgate(await status({ rollouts: [{ ...change, phase }] }));
      expect(stdout).to.contain('Rollout   infra/edge: ').and.to.contain(words);
      await server?.close();
    }
  });

  it('says that what was saved serves', async () => {
    const saved = { hash: 'h0', commit: 'abc', savedAt: '2026-01-01T00:00:00.000Z' };
    const { stdout } = await headgate(await status({ saved }));
    expect(stdout).to.match(/^Revision {2}h0 \(commit abc\), from disk as of 2026-01-01T00:00:00.000Z: the source/);
  });

  it('says how each token is doing', async () => {
    const at = '2026-01-01T00:00:00.000Z';
    const common = { object: 'BackendSecurityPolicy/infra/azure', source: 'Entra ID client secret, client c' };
    const failure = { at, message: 'login answered 401 invalid_client' };
    const cases = [
      [{ state: 'valid', expiresAt: at }, `until ${at}`],
      [
        { state: 'valid', expiresAt: at, failure },
        `until ${at}, not renewed at ${at}: login answered 401 invalid_client`,
      ],
      [{ state: 'waiting' }, 'asked for'],
      [{ state: 'missing', failure }, `missing, at ${at}: login answered 401 invalid_client`],
    ] as const;
    for (const [token, words] of cases) {
      const { stdout } = await headgate(await status({ tokens: [{ ...common, ...token }] }));
      expect(stdout).to.contain(`Token     BackendSecurityPolicy/infra/azure: ${words} (${common.source})\n`);
      await server?.close();
    }
  });

  it('takes the token from a file', async () => {
    const token = 'a-token-for-this-test';
    const path = join(tempDir('token'), 'token');
    writeFileSync(path, `${token}\n`);
    const args = await status({}, token);
    const refused = await headgate(args);
    expect(refused.code).to.equal(1);
    expect(refused.stderr).to.contain('a bearer token is needed');
    const { code, stdout } = await headgate([...args, '--token-file', path]);
    expect({ code, stdout: stdout.split('\n')[0] }).to.deep.equal({
      code: 0,
      stdout: 'Revision  h1, served since 2026-01-01T00:00:00.000Z',
    });
  });

  it('refuses shares that are none', async () => {
    const source = yamlFile('');
    for (const share of ['0%', '100%', '10', 'half', '-5%']) {
      const { code, stderr } = await headgate(['serve', source, `--rollout=${share}`]);
      expect({ share, code }).to.deep.equal({ share, code: 2 });
      expect(stderr).to.contain('percentage below 100%');
    }
  });

  it('shows buckets, those with the least left first', async () => {
    const bucket = { domain: 'headgate', windowSeconds: 86_400, shadow: false, reserved: 0, resetSeconds: 90_061 };
    const entries = [
      { key: 'limit', value: 'QuotaPolicy/default/q' },
      { key: 'match', value: '1' },
      { key: 'x-tenant', value: 'a' },
    ];
    server = createAdminServer({
      status: () => QUIET,
      readiness: () => [],
      configDump: () => undefined,
      metrics: async () => '',
      budgets: async (max) => ({
        budgets: [
          { ...bucket, entries, limit: 100, used: 130, reserved: 20 },
          {
            ...bucket,
            domain: 'd',
            entries: [{ key: 'k', value: 'v' }],
            limit: 7,
            used: 1,
            resetSeconds: 59,
            shadow: true,
          },
        ],
        isPartial: max === 1000,
      }),
    });
    const { port } = await server.listen({ host: '127.0.0.1', port: 0 });
    const { stdout, code } = await headgate(['status', '--budgets', '--server', `127.0.0.1:${port}`, '-o', 'table']);
    expect(code).to.equal(0);
    expect(stdout.split('\n').map((line) => line.split(/ {2,}/))).to.deep.equal([
      ['LEFT', 'USED', 'RESERVED', 'LIMIT', 'RESETS IN', 'OF', 'BUCKET'],
      ['0', '130', '20', '100', '1d1h', 'x-tenant=a', 'QuotaPolicy/default/q'],
      ['6', '1', '0', '7', '59s', 'k=v', 'd (shadow)'],
      [''],
      ['There are more, with more left.'],
      [''],
    ]);
  });

  it('says who has the buckets where it is another process', async () => {
    const args = await status({});
    const { stderr, code } = await headgate([...args, '--budgets']);
    expect(code).to.equal(1);
    expect(stderr).to.contain('the rate limit service is another process');
  });
});
