import { expect } from 'chai';
import { emitBootstrap } from '../../../src/envoy/bootstrap.ts';
import { checkResources } from '../../../src/envoy/check-resources.ts';
import { type EnvoyResource, NEWEST_ENVOY } from '../../../src/envoy/index.ts';
import { TYPES } from '../../../src/envoy/names.ts';
import { encodeMessage, typeUrl } from '../../../src/envoy/schema/index.ts';
import { formatFinding } from '../../../src/lib/findings.ts';
import { silentLogger } from '../../../src/telemetry/index.ts';
import { createSnapshot, createXdsServer, type ResourceInput, type XdsServer } from '../../../src/xds/index.ts';
import { compileGolden, GOLDEN_OPTIONS, type GoldenInput, goldenNames, readGolden } from '../../golden/envoy-golden.ts';
import {
  type EnvoyProcess,
  freePort,
  inlineStatic,
  startEnvoy,
  until,
  validateWithEnvoy,
} from '../../support/index.ts';

const OLD_ENVOYS = ['1.36.4', '1.37.0', '1.38.3', '1.39.3'] as const;
const FOLDERS = ['test/golden/envoy', 'test/golden/policy'] as const;

/** Listeners on free ports of loopback and names that need no DNS server, whatever the input says. */
function onFreePorts({ ir, secrets }: GoldenInput): GoldenInput {
  const gateways = ir.gateways.map((gateway) => ({
    ...gateway,
    backends: gateway.backends.map((backend) => ({
      ...backend,
      endpoints: backend.endpoints.map((one) => (one.kind === 'fqdn' ? { ...one, hostname: 'localhost' } : one)),
    })),
    listeners: gateway.listeners.map((listener) => ({ ...listener, address: '127.0.0.1', port: 0 })),
  }));
  return { ir: { gateways }, secrets };
}

/**
 * The resources of all goldens as those of one Envoy, which starts once for all of them. Names of different inputs are
 * told apart by their namespace; the sentinel is the same in each.
 */
async function allResources(version: string, sentinelPort: number): Promise<EnvoyResource[]> {
  const all = new Map<string, EnvoyResource>();
  for (const folder of FOLDERS) {
    for (const name of goldenNames(folder)) {
      const input = onFreePorts(await readGolden(name, folder));
      const place = `${folder.split('/').at(-1)}-${name}`;
      for (const { gateway, resources } of compileGolden(input, version, {
        ...GOLDEN_OPTIONS,
        sentinelPort,
      })) {
        const prefix = `${place}-${gateway.replace('/', '-')}`;
        for (const resource of inNamespaces(resources, prefix)) all.set(`${resource.type} ${resource.name}`, resource);
      }
    }
  }
  return [...all.values()];
}

/** Resources named `KIND/NAMESPACE/...` are named `KIND/PREFIX.NAMESPACE/...`, wherever they are named. */
function inNamespaces(resources: readonly EnvoyResource[], prefix: string): EnvoyResource[] {
  const kinds =
    'Gateway|AIServiceBackend|Backend|AIGatewayRoute|HTTPRoute|Secret|ConfigMap|BackendTLSPolicy|BackendSecurityPolicy';
  const text = JSON.stringify(resources).replaceAll(new RegExp(`\\b(${kinds})/([a-z0-9-]+)/`, 'g'), `$1/${prefix}.$2/`);
  return JSON.parse(text) as EnvoyResource[];
}

function staticBootstrap(resources: readonly EnvoyResource[]): Record<string, unknown> {
  const ofType = (type: EnvoyResource['type']): Record<string, unknown>[] =>
    resources.filter((resource) => resource.type === type).map(({ message }) => ({ ...message }));
  return inlineStatic({
    listeners: ofType('listener'),
    routes: ofType('route'),
    clusters: ofType('cluster'),
    endpoints: ofType('endpoints'),
    secrets: ofType('secret'),
    extensions: ofType('extension'),
  });
}

function encoded(resources: readonly EnvoyResource[]): ResourceInput[] {
  return resources.map((resource) => ({
    typeUrl: typeUrl(TYPES[resource.type]),
    name: resource.name,
    value: encodeMessage(TYPES[resource.type], resource.message),
    requires: resource.requires.map(({ type, name }) => ({ typeUrl: typeUrl(TYPES[type]), name })),
  }));
}

describe('goldens on the real Envoy', function () {
  this.timeout(120_000);

  it('pass its validation, inlined', async () => {
    const resources = await allResources(NEWEST_ENVOY, await freePort());
    expect(resources.length).to.be.greaterThan(200);
    expect(checkResources(resources).map(formatFinding)).to.deep.equal([]);
    const { ok, output } = await validateWithEnvoy(staticBootstrap(resources));
    expect(ok, output.slice(-4000)).to.equal(true);
  });

  for (const version of [NEWEST_ENVOY, ...OLD_ENVOYS]) {
    for (const delta of version === NEWEST_ENVOY ? [true, false] : [true]) {
      it(`are all accepted by ${version} over ADS, ${delta ? 'delta' : 'state of the world'}`, async () => {
        const resources = await allResources(version, await freePort());
        expect(checkResources(resources).map(formatFinding)).to.deep.equal([]);
        let server: XdsServer | undefined;
        let envoy: EnvoyProcess | undefined;
        try {
          server = createXdsServer({ resolve: () => 'all', logger: silentLogger });
          server.setSnapshot('all', createSnapshot(encoded(resources)));
          const { port } = await server.listen({ host: '127.0.0.1', port: 0 });
          envoy = await startEnvoy({
            version,
            bootstrap: { ...emitBootstrap({ gateway: 'all', nodeId: 'all', xds: { host: '127.0.0.1', port }, delta }) },
            timeoutMs: 60_000,
          });
          const rejections = (): string[] =>
            (server?.nodes()[0]?.types ?? []).flatMap(({ rejection }) =>
              rejection ? [`${rejection.resources.join()}: ${rejection.message.slice(0, 500)}`] : [],
            );
          const listeners = resources.filter(({ type }) => type === 'listener').length;
          await until(
            async () =>
              rejections().length > 0 || (await envoy?.stat('listener_manager.total_listeners_active')) === listeners,
            { what: `${listeners} active listeners`, timeoutMs: 60_000 },
          );
          await until(() => rejections().length > 0 || server?.nodes()[0]?.synced, { what: 'all to be accepted' });
          expect(rejections()).to.deep.equal([]);
          expect(await envoy.rejectedUpdates()).to.deep.equal({});
          expect(await envoy.stat('cluster_manager.warming_clusters')).to.equal(0);
          // Where the default chain of AWS finds nothing, it says so.
          expect(envoy.warnings.filter((line) => !line.includes('[aws]'))).to.deep.equal([]);
        } finally {
          await envoy?.stop();
          await server?.close();
        }
      });
    }
  }
});
