/** What the command line prints, against what the real Envoy makes of it. */
import { expect } from 'chai';
import {
  type EnvoyProcess,
  freePorts,
  request,
  spawnChild,
  startEnvoy,
  stopChild,
  until,
} from '../../support/index.ts';
import { CHAT, headgate, SECRET, yamlFile } from '../../unit/cli/cli.ts';

type Json = Record<string, unknown>;
type Dump = { readonly configs: readonly Json[] };

/** Sections that hold nothing of the running process. */
const SECTIONS = ['ClustersConfigDump', 'ListenersConfigDump', 'RoutesConfigDump', 'SecretsConfigDump'];
const FIELDS = ['dynamic_active_clusters', 'dynamic_listeners', 'dynamic_route_configs', 'dynamic_active_secrets'];

/** The resources of a dump, without the times at which they came, in one order. */
function resourcesOf(dump: Dump): unknown[] {
  return SECTIONS.flatMap((name, index) => {
    const section = dump.configs.find((config) => String(config['@type']).endsWith(`.${name}`));
    const entries = (section?.[FIELDS[index] ?? ''] ?? []) as unknown[];
    const timeless = entries.map((entry) =>
      JSON.parse(JSON.stringify(entry, (key, value: unknown) => (key === 'last_updated' ? undefined : value))),
    );
    const nameOf = (entry: Json): string => JSON.stringify(entry).match(/"name":"([^"]*)"/)?.[1] ?? '';
    return timeless.sort((a, b) => (nameOf(a) < nameOf(b) ? -1 : 1));
  });
}

for (const variant of ['--delta', '--sotw']) {
  describe(`headgate bootstrap ${variant} and Envoy`, function () {
    this.timeout(60_000);
    let server: ReturnType<typeof spawnChild>;
    let envoy: EnvoyProcess;
    let adminPort: number;
    let serverLog = '';

    before(async () => {
      const [xds = 0, admin = 0, sentinel = 0, listener = 0] = await freePorts(4);
      adminPort = admin;
      const file = yamlFile(CHAT.replace('port: 8080', `port: ${listener}`));
      const addresses = ['--xds-address', `:${xds}`, '--admin-address', `:${admin}`, '--sentinel-port', `${sentinel}`];
      server = spawnChild(process.execPath, ['--import', 'tsx', 'src/cli/main.ts', 'serve', file, ...addresses], {
        stdio: ['ignore', 'ignore', 'pipe'],
      });
      server.stderr?.setEncoding('utf8').on('data', (text: string) => {
        serverLog += text;
      });
      await until(async () => (await request({ port: admin, path: '/readyz' })).status === 200, {
        what: () => `the server to be ready: ${serverLog}`,
        timeoutMs: 30_000,
      });
      const { stdout } = await headgate([
        'bootstrap',
        ...['--gateway', 'default/ai', '--xds', `127.0.0.1:${xds}`, '-o', 'json', variant],
      ]);
      envoy = await startEnvoy({ bootstrap: JSON.parse(stdout) });
    });

    after(async () => {
      await envoy?.stop();
      if (server) await stopChild(server);
    });

    it('connects Envoy to its gateway, and Envoy takes everything without a warning', async () => {
      await until(async () => (await envoy.configDump()).configs.length > 0 && !envoy.hasExited, { what: 'a dump' });
      expect(await envoy.rejectedUpdates()).to.deep.equal({});
      expect(envoy.warnings).to.deep.equal([]);
    });

    it("prints what Envoy's own dump says, to the masked secrets", async () => {
      const served = await request({ port: adminPort, path: '/config_dump?gateway=default/ai' });
      const ours = resourcesOf(served.json as Dump);
      const theirs = resourcesOf(await envoy.configDump(''));
      expect(ours.length).to.be.greaterThan(5);
      // SotW has one version for all resources of a type.
      const comparable = (list: unknown[]): unknown[] =>
        variant === '--delta'
          ? list
          : list.map((entry) =>
              JSON.parse(JSON.stringify(entry, (key, value: unknown) => (key === 'version_info' ? undefined : value))),
            );
      expect(comparable(ours)).to.deep.equal(comparable(theirs));
      expect(JSON.stringify(ours)).to.contain('[redacted]').and.not.contain(SECRET);
    });
  });
}
