import type { Finding } from '../lib/findings.ts';
import { sortFindings } from '../lib/findings.ts';
import { LUA_FILTER } from './names.ts';
import type { EnvoyResource, ResourceReference, ResourceType } from './resource.ts';

/** Meant not to exist: what is sent there gets 500 (see forward-route.ts). */
const DELIBERATE_MISSES: ReadonlySet<string> = new Set(['headgate/invalid-backend']);

type Json = Readonly<Record<string, unknown>>;

/** Free-form, or about the resource itself: what looks like a name there is not one that Envoy follows. */
const UNNAMED_FIELDS: ReadonlySet<string> = new Set(['load_assignment', 'filter_context', 'metadata', 'json_format']);

/** Envoy waits for these before it uses what names them, so the server has to know of them. */
const WAITED_FOR: ReadonlySet<ResourceType> = new Set(['endpoints', 'extension', 'route', 'secret']);

/**
 * Whether the resources of one gateway fit together: every name leads to a resource, nothing is there twice, and nothing
 * that is delivered by name alone (endpoints, routes) is left without a user.
 * Shape: findings HG0701, which are bugs of the compiler rather than of the user's input.
 */
export function checkConsistency(resources: readonly EnvoyResource[]): Finding[] {
  const known = new Set(resources.map(keyOf));
  const used = new Set<string>();
  const findings: Finding[] = [...duplicates(resources), ...sharedSockets(resources)];
  for (const resource of resources) {
    const references = referencesOf(resource);
    const required = new Set(resource.requires.map(keyOf));
    for (const reference of [...references, ...resource.requires]) {
      used.add(keyOf(reference));
      if (known.has(keyOf(reference)) || DELIBERATE_MISSES.has(reference.name)) continue;
      findings.push(problem(resource, `names the ${reference.type} ${reference.name}, which does not exist`));
    }
    for (const reference of references) {
      if (!WAITED_FOR.has(reference.type) || required.has(keyOf(reference))) continue;
      findings.push(problem(resource, `uses the ${reference.type} ${reference.name} without requiring it`));
    }
    if (resource.type === 'route') findings.push(...sharedDomains(resource));
  }
  for (const resource of resources) {
    if (resource.type !== 'endpoints' && resource.type !== 'route') continue;
    if (!used.has(keyOf(resource))) findings.push(problem(resource, 'is used by nothing'));
  }
  return sortFindings(findings);
}

function keyOf({ type, name }: ResourceReference): string {
  return `${type} ${name}`;
}

function problem(resource: EnvoyResource, what: string): Finding {
  return {
    code: 'HG0701',
    level: 'error',
    message: `${resource.type} ${resource.name} ${what}`,
    ...(resource.origin && { object: resource.origin.object }),
  };
}

function duplicates(resources: readonly EnvoyResource[]): Finding[] {
  const seen = new Set<string>();
  return resources.flatMap((resource) => {
    const isTwice = seen.has(keyOf(resource));
    seen.add(keyOf(resource));
    return isTwice ? [problem(resource, 'is there twice')] : [];
  });
}

/** Two listeners on one port of one address; an address that means all of them meets every other one. */
function sharedSockets(resources: readonly EnvoyResource[]): Finding[] {
  const taken: { address: string; port: number; resource: EnvoyResource }[] = [];
  return resources.flatMap((resource) => {
    const socket = socketOf(resource);
    if (socket === undefined) return [];
    const other = taken.find(
      ({ address, port }) =>
        port === socket.port && (address === socket.address || isAnyAddress(address) || isAnyAddress(socket.address)),
    );
    taken.push({ ...socket, resource });
    if (!other) return [];
    // The one that comes from an object is the one that can be changed.
    const [blamed, rival] =
      other.resource.origin && !resource.origin ? [other.resource, resource] : [resource, other.resource];
    return [problem(blamed, `binds port ${socket.port}, which ${rival.name} binds too`)];
  });
}

function socketOf(resource: EnvoyResource): { address: string; port: number } | undefined {
  if (resource.type !== 'listener') return undefined;
  const { address } = resource.message as {
    address?: { socket_address?: { address?: string; port_value?: number } };
  };
  const socket = address?.socket_address;
  // Port 0 is a free one each time.
  if (socket?.address === undefined || !socket.port_value) return undefined;
  return { address: socket.address, port: socket.port_value };
}

function isAnyAddress(address: string): boolean {
  return address === '0.0.0.0' || address === '::';
}

/** Envoy refuses a route configuration in which two virtual hosts have one domain. */
function sharedDomains(resource: EnvoyResource): Finding[] {
  const { virtual_hosts: hosts = [] } = resource.message as { virtual_hosts?: readonly { domains?: string[] }[] };
  const domains = hosts.flatMap((host) => host.domains ?? []).map((domain) => domain.toLowerCase());
  const twice = new Set(domains.filter((domain, index) => domains.indexOf(domain) !== index));
  return [...twice].map((domain) => problem(resource, `has the domain ${domain} twice`));
}

/** Every resource that a message names, found by the fields that hold names. */
function referencesOf(resource: EnvoyResource): ResourceReference[] {
  const found: ResourceReference[] = [];
  // The name of an assignment is its own.
  if (resource.type === 'endpoints') return found;
  visit(resource.message, resource, found);
  return found;
}

function visit(value: unknown, resource: EnvoyResource, found: ResourceReference[]): void {
  if (Array.isArray(value)) {
    for (const item of value) visit(item, resource, found);
    return;
  }
  if (!isObject(value)) return;
  found.push(...namesIn(value, resource));
  for (const [field, item] of Object.entries(value)) {
    if (!UNNAMED_FIELDS.has(field)) visit(item, resource, found);
  }
}

function namesIn(value: Json, resource: EnvoyResource): ResourceReference[] {
  const found: ResourceReference[] = [];
  const cluster = (name: unknown): void => {
    if (typeof name === 'string') found.push({ type: 'cluster', name });
  };
  // Routes, mirrors, HTTP services; gRPC services and members of priority groups; weighted clusters.
  cluster(value.cluster);
  cluster(value.cluster_name);
  if (isObject(value.weighted_clusters) && Array.isArray(value.weighted_clusters.clusters)) {
    for (const member of value.weighted_clusters.clusters) if (isObject(member)) cluster(member.name);
  }
  for (const name of scriptClusters(value.metadata)) cluster(name);
  if (isObject(value.sds_config) && typeof value.name === 'string') found.push({ type: 'secret', name: value.name });
  if (isObject(value.config_discovery) && typeof value.name === 'string') {
    found.push({ type: 'extension', name: value.name });
  }
  if (isObject(value.rds) && typeof value.rds.route_config_name === 'string') {
    found.push({ type: 'route', name: value.rds.route_config_name });
  }
  if (isObject(value.eds_cluster_config)) {
    const name = value.eds_cluster_config.service_name ?? resource.name;
    if (typeof name === 'string') found.push({ type: 'endpoints', name });
  }
  return found;
}

/** Clusters by which the data path script finds what a route changes for a backend (see `routeFactsMetadata`). */
function scriptClusters(metadata: unknown): string[] {
  const filters = isObject(metadata) ? metadata.filter_metadata : undefined;
  const script = isObject(filters) ? filters[LUA_FILTER] : undefined;
  if (!isObject(script) || typeof script.facts !== 'string') return [];
  const { refs } = JSON.parse(script.facts) as { refs?: object };
  return Object.keys(refs ?? {});
}

function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
