/** What `/config_dump?node=` says of a proxy, against what the proxy says of itself. */
import { expect } from 'chai';
import type { DumpRequest } from '../../../src/admin/index.ts';
import { dumpFor } from '../../../src/cli/config-dumps.ts';
import { decodeMessage, encodeMessage } from '../../../src/envoy/schema/index.ts';
import { GatewayError } from '../../../src/lib/errors.ts';
import { type ResourceInput, TYPE } from '../../../src/xds/index.ts';
import { type EnvoyProcess, until } from '../../support/index.ts';
import { ADS, cluster, endpoints, listener, routes, startRig, virtualHost, type XdsRig } from './rig.ts';

type Json = Record<string, unknown>;
type Dump = { readonly configs: readonly Json[] };

const HTTP = 'type.googleapis.com/envoy.extensions.filters.http';
const INJECTED = 'type.googleapis.com/envoy.extensions.http.injected_credentials.generic.v3.Generic';

const typed = (typeUrl: string, name: string, message: object): ResourceInput => ({
  typeUrl,
  name,
  value: encodeMessage(typeUrl.replace(/^.*\//, ''), { name, ...message }),
});
const secret = (text: string) => typed(TYPE.secret, 's', { generic_secret: { secret: { inline_string: text } } });
const script = (code: string) =>
  typed(TYPE.extension, 'x', {
    typed_config: { '@type': `${HTTP}.lua.v3.Lua`, default_source_code: { inline_string: code } },
  });
const FILTERS = [
  { name: 'x', config_discovery: { config_source: ADS, type_urls: [`${HTTP}.lua.v3.Lua`] } },
  {
    name: 'injector',
    typed_config: {
      '@type': `${HTTP}.credential_injector.v3.CredentialInjector`,
      credential: { name: 'generic', typed_config: { '@type': INJECTED, credential: { name: 's', sds_config: ADS } } },
    },
  },
];
const UNKNOWN_FILTER = {
  name: 'nobody',
  typed_config: { '@type': 'type.googleapis.com/google.protobuf.StringValue', value: 'x' },
};
const BAD_CLUSTER = { more: { lb_policy: 'CLUSTER_PROVIDED' } };

const GOOD = (port: number): ResourceInput[] => [
  cluster('a'),
  endpoints('a', port),
  listener('l', 'r', { filters: FILTERS }),
  routes('r', [virtualHost('v', ['*'], 'a')]),
  secret('hunter2'),
  script('x = 1'),
];

/** Of each kind one that Envoy refuses; what is new beside what is changed. */
const BAD = (port: number): ResourceInput[] => [
  cluster('a', BAD_CLUSTER),
  cluster('b', BAD_CLUSTER),
  endpoints('a', port),
  endpoints('b', port),
  listener('l', 'r', { filters: [...FILTERS, UNKNOWN_FILTER] }),
  listener('m', 'r', { filters: [UNKNOWN_FILTER] }),
  routes('r', [virtualHost('v', ['*'], 'a'), virtualHost('w', ['*'], 'a')]),
  secret('hunter2'),
  script('x = = hunter2'),
];

const KINDS = ['Cluster', 'Listener', 'RouteConfiguration', 'TypedExtensionConfig'];

function sectionOf({ configs }: Dump, name: string): Json {
  return configs.find((config) => String(config['@type']).endsWith(`.${name}`)) ?? {};
}

/** Where times differ, and in SotW versions, which are those of all resources of a type. */
function comparable(value: unknown, delta: boolean): unknown {
  return JSON.parse(
    JSON.stringify(value, (key, item: unknown) => {
      if (key === 'last_updated' || key === 'last_update_attempt') return 'a time';
      return key === 'version_info' && !delta ? 'a version' : item;
    }),
  );
}

/** What Envoy has from elsewhere or of itself. */
function served({ configs }: Dump): Json[] {
  return configs
    .filter((config) => !/\.(BootstrapConfigDump|EndpointsConfigDump)$/.test(String(config['@type'])))
    .map(({ static_clusters: _, ...section }) => section);
}

for (const delta of [true, false]) {
  describe(`xDS: the dump of a node and Envoy's own, ${delta ? 'delta' : 'SotW'}`, function () {
    this.timeout(60_000);
    let rig: XdsRig;
    let envoy: EnvoyProcess;
    let nodeId: string;

    before(async () => {
      rig = await startRig();
      rig.publish(...GOOD(rig.upstreamPort));
      envoy = await rig.envoy(delta);
      await rig.synced();
      nodeId = rig.server.nodes()[0]?.node.id ?? '';
    });
    after(() => rig?.close());

    const ask = (request: Partial<DumpRequest> = {}): Dump => {
      const plane = { view: () => undefined, nodeConfig: rig.server.configOf };
      return dumpFor(plane, { node: nodeId, includeEds: false, ...request }) as unknown as Dump;
    };

    it('is the same when all is accepted', async () => {
      const theirs = await envoy.configDump('');
      expect(comparable(served(ask()), delta)).to.deep.equal(comparable(served(theirs), delta));
      const [ours, own] = [ask(), theirs].map((dump) => sectionOf(dump, 'BootstrapConfigDump')) as [Json, Json];
      const node = (section: Json): Json => (section.bootstrap as { node: Json }).node;
      expect(node(ours)).to.deep.include({ id: node(own).id, cluster: node(own).cluster, user_agent_name: 'envoy' });
      expect(ours.last_updated).to.match(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/);
    });

    it('has endpoints when they are asked for', async () => {
      expect(ask().configs.map((config) => config['@type'])).to.deep.equal(
        (await envoy.configDump('')).configs.map((config) => config['@type']),
      );
      expect(ask({ includeEds: true }).configs.map((config) => config['@type'])).to.deep.equal(
        (await envoy.configDump()).configs.map((config) => config['@type']),
      );
      const names = (dump: Dump): unknown =>
        (sectionOf(dump, 'EndpointsConfigDump').dynamic_endpoint_configs as { endpoint_config: Json }[]).map(
          ({ endpoint_config }) => endpoint_config.cluster_name,
        );
      expect(names(ask({ includeEds: true }))).to.deep.equal(names(await envoy.configDump()));
    });

    const queries: readonly (Omit<DumpRequest, 'includeEds'> & { includeEds?: boolean })[] = [
      { resource: 'dynamic_listeners' },
      { resource: 'dynamic_active_clusters', mask: 'cluster.name,version_info' },
      { resource: 'dynamic_active_clusters', mask: 'cluster.eds_cluster_config.service_name' },
      { resource: 'dynamic_listeners', mask: 'active_state,active_state.version_info' },
      { resource: 'dynamic_listeners', mask: 'name,active_state.version_info' },
      { resource: 'dynamic_active_secrets', mask: 'secret.name' },
      { resource: 'dynamic_active_secrets' },
      { resource: 'ecds_filters', nameRegex: 'x' },
      { resource: 'ecds_filters', nameRegex: '[^x]' },
      { resource: 'dynamic_route_configs', nameRegex: '' },
      { resource: 'dynamic_route_configs', mask: '' },
      { resource: 'dynamic_route_configs', nameRegex: '.*r.*' },
      { mask: 'dynamic_active_clusters' },
      { mask: 'version_info' },
      { mask: 'dynamic_listeners', nameRegex: 'no.*' },
      { mask: 'bootstrap.node.id' },
      { mask: 'bootstrap.node.id,dynamic_listeners' },
      { mask: 'nobody' },
      { nameRegex: '(' },
      { resource: 'nobody' },
      { resource: 'version_info' },
      { resource: 'bootstrap' },
      { resource: 'dynamic_endpoint_configs' },
      { resource: 'dynamic_endpoint_configs', mask: 'endpoint_config.cluster_name', includeEds: true },
      { resource: 'dynamic_active_clusters', mask: 'nobody' },
      { resource: 'dynamic_active_clusters', mask: 'cluster.nobody' },
      { resource: 'dynamic_route_configs', mask: 'route_config.virtual_hosts.name' },
      { resource: 'dynamic_listeners', mask: 'active_state.listener.name' },
    ];
    for (const { nameRegex, includeEds, ...query } of queries) {
      const text = new URLSearchParams({
        ...query,
        ...(nameRegex === undefined ? {} : { name_regex: nameRegex }),
        ...(includeEds ? { include_eds: '' } : {}),
      }).toString();
      it(`answers ?${text} as Envoy does`, async () => {
        const theirs = await envoy.admin(`/config_dump?${text}`);
        const request = {
          ...query,
          includeEds: includeEds ?? false,
          ...(nameRegex === undefined ? {} : { nameRegex }),
        };
        if (theirs.status === 200) {
          const configs = ({ configs: all = [] }: Partial<Dump>) =>
            comparable(
              all.map(({ static_clusters: _, ...one }) => one),
              delta,
            );
          return expect(configs(ask(request))).to.deep.equal(configs(theirs.json as Dump));
        }
        expect(() => ask(request))
          .to.throw(GatewayError)
          .that.satisfies((error: GatewayError) => error.httpStatus === theirs.status, `${theirs.status}`);
      });
    }

    it('says what was rejected, and why, beside what runs', async () => {
      const before = ask();
      rig.publish(...BAD(rig.upstreamPort));
      const rejected = (): string[] =>
        rig.server
          .nodes()
          .flatMap(({ types }) => types)
          .filter((type) => type.rejected.length > 0)
          .map(({ typeUrl }) => typeUrl.replace(/^.*\./, ''));
      await until(() => KINDS.every((kind) => rejected().includes(kind)), { what: () => `rejections: ${rejected()}` });
      const theirs = await envoy.configDump('');
      const ours = ask();

      const listeners = (dump: Dump) => sectionOf(dump, 'ListenersConfigDump').dynamic_listeners as Json[];
      expect(listeners(ours).map(({ name }) => name)).to.deep.equal(['l', 'm']);
      for (const name of ['l', 'm']) {
        const [our, their] = [ours, theirs].map(
          (dump) => listeners(dump).find((one) => one.name === name) as Json & { error_state: Json },
        );
        const { version_info, details, ...error } = our?.error_state ?? {};
        const { details: reason, ...own } = their?.error_state ?? {};
        expect(comparable({ ...our, error_state: error }, delta)).to.deep.equal(
          comparable({ ...their, error_state: own }, delta),
        );
        expect(details).to.contain(reason);
        expect(version_info).to.match(/^[0-9a-f]{16}$/);
      }
      // Envoy does not keep what was wrong with anything else.
      for (const [section, field, names] of [
        ['ClustersConfigDump', 'dynamic_active_clusters', ['a', 'b']],
        ['RoutesConfigDump', 'dynamic_route_configs', ['r']],
        ['EcdsConfigDump', 'ecds_filters', ['x']],
      ] as const) {
        const entries = sectionOf(ours, section)[field] as (Json & { error_state: Json })[];
        const failed = entries.map(({ error_state }) => (error_state?.failed_configuration as Json | undefined)?.name);
        expect(failed, section).to.have.members([...names]);
        for (const { error_state } of entries) expect(error_state.details, section).to.be.a('string').and.not.equal('');
        const { error_state: _, ...active } = entries[0] ?? {};
        const [was] = sectionOf(before, section)[field] as Json[];
        expect(active, section).to.deep.equal(was);
      }
      const theirClusters = sectionOf(theirs, 'ClustersConfigDump').dynamic_active_clusters as Json[];
      expect(theirClusters.map((one) => (one.cluster as Json).connect_timeout)).to.deep.equal(['1s']);
    });

    it('is a message of the Envoy API, with or without rejections', () => {
      const dump = ask({ includeEds: true });
      const bytes = encodeMessage('envoy.admin.v3.ConfigDump', dump);
      expect(decodeMessage('envoy.admin.v3.ConfigDump', bytes)).to.deep.equal(JSON.parse(JSON.stringify(dump)));
    });

    it('holds no secret', async () => {
      expect(JSON.stringify(ask()), 'ours').to.contain('[redacted]').and.not.contain('"hunter2"');
      expect(JSON.stringify(await envoy.configDump('')), 'theirs').to.not.contain('"hunter2"');
    });
  });
}
