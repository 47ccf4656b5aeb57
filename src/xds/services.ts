/** The gRPC services of xDS: the aggregated one and one a type, in both variants. */
import type { Variant } from './responses.ts';
import { TYPE } from './types.ts';

/** A method that is served. */
export interface XdsMethod {
  readonly path: string;
  readonly variant: Variant;
  /** Undefined on the aggregated service, whose requests name their type. */
  readonly typeUrl: string | undefined;
}

interface XdsService {
  readonly service: string;
  /** `Stream<Noun>` and `Delta<Noun>`. */
  readonly noun: string;
  readonly typeUrl: string | undefined;
  readonly variants: readonly Variant[];
}

const BOTH: readonly Variant[] = ['sotw', 'delta'];

const SERVICES: readonly XdsService[] = [
  {
    service: 'discovery.v3.AggregatedDiscoveryService',
    noun: 'AggregatedResources',
    typeUrl: undefined,
    variants: BOTH,
  },
  { service: 'cluster.v3.ClusterDiscoveryService', noun: 'Clusters', typeUrl: TYPE.cluster, variants: BOTH },
  { service: 'endpoint.v3.EndpointDiscoveryService', noun: 'Endpoints', typeUrl: TYPE.endpoints, variants: BOTH },
  {
    service: 'endpoint.v3.LocalityEndpointDiscoveryService',
    noun: 'LocalityEndpoints',
    typeUrl: TYPE.localityEndpoint,
    variants: ['delta'],
  },
  { service: 'listener.v3.ListenerDiscoveryService', noun: 'Listeners', typeUrl: TYPE.listener, variants: BOTH },
  { service: 'route.v3.RouteDiscoveryService', noun: 'Routes', typeUrl: TYPE.route, variants: BOTH },
  { service: 'route.v3.ScopedRoutesDiscoveryService', noun: 'ScopedRoutes', typeUrl: TYPE.scopedRoute, variants: BOTH },
  {
    service: 'route.v3.VirtualHostDiscoveryService',
    noun: 'VirtualHosts',
    typeUrl: TYPE.virtualHost,
    variants: ['delta'],
  },
  { service: 'secret.v3.SecretDiscoveryService', noun: 'Secrets', typeUrl: TYPE.secret, variants: BOTH },
  { service: 'runtime.v3.RuntimeDiscoveryService', noun: 'Runtime', typeUrl: TYPE.runtime, variants: BOTH },
  {
    service: 'extension.v3.ExtensionConfigDiscoveryService',
    noun: 'ExtensionConfigs',
    typeUrl: TYPE.extension,
    variants: BOTH,
  },
];

/** Every method that is served. */
export const XDS_METHODS: readonly XdsMethod[] = SERVICES.flatMap(({ service, noun, typeUrl, variants }) =>
  variants.map((variant) => {
    const name = `${variant === 'sotw' ? 'Stream' : 'Delta'}${noun}`;
    return { path: `/envoy.service.${service}/${name}`, variant, typeUrl };
  }),
);

/** The client status discovery service: one answer a request, on a stream or alone. */
export const STATUS_METHODS = {
  stream: '/envoy.service.status.v3.ClientStatusDiscoveryService/StreamClientStatus',
  fetch: '/envoy.service.status.v3.ClientStatusDiscoveryService/FetchClientStatus',
} as const;
