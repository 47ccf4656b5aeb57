import type { BackendIr, EndpointIr } from '../ir/index.ts';
import type { CompileOptions } from './options.ts';
import type { EnvoyResource } from './resource.ts';
import type { ConfigEndpointV3ClusterLoadAssignment, ConfigEndpointV3Endpoint } from './schema/index.ts';
import { sentinelEndpoints } from './sentinel.ts';

/**
 * As long as one endpoint of a backend is healthy it takes all of its traffic: Envoy would else hand the share of the
 * others on to the next priority, which is the sentinel. In percent, and enough for one healthy endpoint among 256.
 */
const OVERPROVISIONING = 25_600;

/**
 * True where endpoints are delivered by EDS, so that a change never touches the cluster. EDS takes addresses only;
 * a backend with a host name is resolved by its cluster.
 */
export function usesEds(backend: BackendIr): boolean {
  return backend.endpoints.every((endpoint) => endpoint.kind !== 'fqdn');
}

export function loadAssignment(
  backend: BackendIr,
  withSentinel: boolean,
  options: CompileOptions,
): ConfigEndpointV3ClusterLoadAssignment {
  return {
    cluster_name: backend.name,
    endpoints: [
      { lb_endpoints: backend.endpoints.map((endpoint) => ({ endpoint: emitEndpoint(endpoint) })) },
      ...(withSentinel ? [sentinelEndpoints(options.sentinelPort)] : []),
    ],
    ...(withSentinel && { policy: { overprovisioning_factor: OVERPROVISIONING } }),
  };
}

export function emitEndpoints(backend: BackendIr, withSentinel: boolean, options: CompileOptions): EnvoyResource {
  return {
    type: 'endpoints',
    name: backend.name,
    message: loadAssignment(backend, withSentinel, options),
    requires: [],
  };
}

function emitEndpoint(endpoint: EndpointIr): ConfigEndpointV3Endpoint {
  switch (endpoint.kind) {
    case 'ip':
      return {
        address: { socket_address: { address: endpoint.address, port_value: endpoint.port } },
        ...(endpoint.hostname !== undefined && { hostname: endpoint.hostname }),
      };
    case 'fqdn':
      return {
        address: { socket_address: { address: endpoint.hostname, port_value: endpoint.port } },
        hostname: endpoint.hostname,
      };
    case 'unix':
      return {
        address: { pipe: { path: endpoint.path } },
        ...(endpoint.hostname !== undefined && { hostname: endpoint.hostname }),
      };
  }
}
