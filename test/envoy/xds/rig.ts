/** An xDS server with one upstream service behind it, and the resources to reach it by whatever way of discovery. */
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { encodeMessage } from '../../../src/envoy/schema/index.ts';
import { createLogger } from '../../../src/telemetry/index.ts';
import {
  createSnapshot,
  createXdsServer,
  type ResourceInput,
  TYPE,
  type XdsServer,
  type XdsServerOptions,
} from '../../../src/xds/index.ts';
import { bootstrapFor, type EnvoyProcess, startEnvoy, until } from '../../support/index.ts';

type Json = Readonly<Record<string, unknown>>;

export const ADS: Json = { ads: {}, resource_api_version: 'V3' };
const EXTENSIONS = 'type.googleapis.com/envoy.extensions.filters';
const CACHE = new Map<string, Uint8Array>();

function encode(
  typeUrl: string,
  name: string,
  message: object,
  requires: { typeUrl: string; name: string }[] = [],
): ResourceInput {
  const key = typeUrl + JSON.stringify(message);
  const value = CACHE.get(key) ?? encodeMessage(typeUrl.slice('type.googleapis.com/'.length), message);
  CACHE.set(key, value);
  return { typeUrl, name, value, requires };
}

export interface ClusterOptions {
  readonly source?: Json;
  readonly timeout?: string;
  /** More fields, as those that Envoy refuses. */
  readonly more?: Json;
}

export function cluster(name: string, { source = ADS, timeout = '1s', more = {} }: ClusterOptions = {}): ResourceInput {
  return encode(
    TYPE.cluster,
    name,
    { name, type: 'EDS', connect_timeout: timeout, eds_cluster_config: { eds_config: source }, ...more },
    [{ typeUrl: TYPE.endpoints, name }],
  );
}

export function endpoints(name: string, port: number): ResourceInput {
  const address = { socket_address: { address: '127.0.0.1', port_value: port } };
  return encode(TYPE.endpoints, name, {
    cluster_name: name,
    endpoints: [{ lb_endpoints: [{ endpoint: { address } }] }],
  });
}

export const virtualHost = (name: string, domains: string[], to: string): Json => ({
  name,
  domains,
  routes: [{ match: { prefix: '/' }, route: { cluster: to, timeout: '5s' } }],
});

export function routes(name: string, hosts: readonly Json[], more: Json = {}): ResourceInput {
  return encode(TYPE.route, name, { name, virtual_hosts: hosts, ...more });
}

/** A virtual host as a resource, that goes by its domains. */
export function hostOnDemand(route: string, name: string, domains: string[], to: string): ResourceInput {
  const resource = encode(TYPE.virtualHost, `${route}/${name}`, virtualHost(`${route}/${name}`, domains, to));
  return { ...resource, aliases: domains.map((domain) => `${route}/${domain}`) };
}

export interface ListenerOptions {
  readonly source?: Json;
  readonly filters?: readonly Json[];
}

export function listener(
  name: string,
  route: string,
  { source = ADS, filters = [] }: ListenerOptions = {},
): ResourceInput {
  const manager = {
    '@type': `${EXTENSIONS}.network.http_connection_manager.v3.HttpConnectionManager`,
    stat_prefix: name,
    rds: { route_config_name: route, config_source: source },
    http_filters: [...filters, { name: 'router', typed_config: { '@type': `${EXTENSIONS}.http.router.v3.Router` } }],
  };
  return encode(
    TYPE.listener,
    name,
    {
      name,
      address: { socket_address: { address: '127.0.0.1', port_value: 0 } },
      filter_chains: [{ filters: [{ name: 'hcm', typed_config: manager }] }],
    },
    [{ typeUrl: TYPE.route, name: route }],
  );
}

export const ON_DEMAND: Json = {
  name: 'on_demand',
  typed_config: { '@type': `${EXTENSIONS}.http.on_demand.v3.OnDemand` },
};

export interface XdsRig {
  readonly server: XdsServer;
  readonly xdsPort: number;
  readonly upstreamPort: number;
  readonly warnings: string[];
  publish(...resources: ResourceInput[]): void;
  synced(): Promise<true>;
  /** Starts an Envoy that is ended with the rig. `change` may alter its bootstrap. */
  envoy(delta: boolean, change?: (bootstrap: Record<string, unknown>) => void): Promise<EnvoyProcess>;
  /** Ends the server without a word; another one with these resources takes its port. */
  restart(...resources: ResourceInput[]): Promise<void>;
  close(): Promise<void>;
}

export async function startRig(options: Partial<XdsServerOptions> = {}): Promise<XdsRig> {
  const upstream: Server = createServer((_request, response) => response.end('hello'));
  await new Promise<void>((resolve) => upstream.listen(0, '127.0.0.1', resolve));
  const warnings: string[] = [];
  const logger = createLogger({ level: 'warn', format: 'text', write: (line) => warnings.push(line) });
  const create = (): XdsServer =>
    createXdsServer({ resolve: (node) => node.cluster, logger, ackTimeoutMs: 2000, ...options });
  let server = create();
  const { port: xdsPort } = await server.listen({ host: '127.0.0.1', port: 0 });
  const publish = (...resources: ResourceInput[]): void => server.setSnapshot('ns/gw', createSnapshot(resources));
  const started: EnvoyProcess[] = [];
  return {
    get server() {
      return server;
    },
    xdsPort,
    upstreamPort: (upstream.address() as AddressInfo).port,
    warnings,
    publish,
    synced: () =>
      until(() => server.nodes()[0]?.synced === true, {
        what: () => `Envoy to accept everything: ${JSON.stringify(server.nodes()[0]?.types, null, 1)}`,
      }),
    async envoy(delta, change) {
      const bootstrap = bootstrapFor({ xdsPort, cluster: 'ns/gw', delta });
      change?.(bootstrap);
      const envoy = await startEnvoy({ bootstrap });
      started.push(envoy);
      return envoy;
    },
    async restart(...resources) {
      await server.close();
      server = create();
      publish(...resources);
      await server.listen({ host: '127.0.0.1', port: xdsPort });
    },
    async close() {
      for (const envoy of started) await envoy.stop();
      await server.close();
      await new Promise((resolve) => upstream.close(resolve));
    },
  };
}
