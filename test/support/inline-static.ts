/**
 * Turns compiled resources into one static bootstrap, because `--mode validate` reads neither RDS nor EDS nor SDS:
 * what is referred to over ADS is put in its place, and a reference without its resource is an error here.
 */

type Json = Readonly<Record<string, unknown>>;

/** Compiled resources in snake_case ProtoJSON. */
export interface StaticInput {
  readonly listeners?: readonly Json[];
  readonly routes?: readonly Json[];
  readonly clusters?: readonly Json[];
  readonly endpoints?: readonly Json[];
  readonly secrets?: readonly Json[];
  readonly extensions?: readonly Json[];
}

/** Bootstrap with everything inlined. Errors: throws when a route, assignment, filter or secret is missing or unused. */
export function inlineStatic(input: StaticInput): Record<string, unknown> {
  const routes = new Pool('route configuration', input.routes ?? [], 'name');
  const endpoints = new Pool('endpoint assignment', input.endpoints ?? [], 'cluster_name');
  const listeners = (input.listeners ?? []).map((listener) => rewrite(listener, (node) => inlineRoute(node, routes)));
  const filters = new Pool('filter', input.extensions ?? [], 'name');
  const clusters = (input.clusters ?? [])
    .map((cluster) => inlineEndpoints(cluster, endpoints))
    .map((cluster) => rewrite(cluster, (node) => inlineFilter(node, filters)));
  const secretNames = new Set((input.secrets ?? []).map((secret) => String(secret.name)));
  const resources = [listeners, clusters].map((list) =>
    list.map((resource) => rewrite(resource, (node) => staticSecret(node, secretNames))),
  );
  routes.assertAllUsed();
  endpoints.assertAllUsed();
  filters.assertAllUsed();
  return {
    node: { id: 'validate', cluster: 'validate' },
    static_resources: { listeners: resources[0], clusters: resources[1], secrets: input.secrets ?? [] },
  };
}

class Pool {
  readonly #kind: string;
  readonly #byName: Map<string, Json>;
  readonly #used = new Set<string>();

  constructor(kind: string, resources: readonly Json[], key: string) {
    this.#kind = kind;
    this.#byName = new Map(resources.map((resource) => [String(resource[key]), resource]));
  }

  take(name: string): Json {
    const resource = this.#byName.get(name);
    if (resource === undefined) throw new Error(`no ${this.#kind} ${name}`);
    this.#used.add(name);
    return resource;
  }

  assertAllUsed(): void {
    const unused = [...this.#byName.keys()].filter((name) => !this.#used.has(name));
    if (unused.length > 0) throw new Error(`nothing refers to ${this.#kind} ${unused.join(', ')}`);
  }
}

/** A copy in which every object, from the leaves up, went through `change`. */
function rewrite(value: unknown, change: (node: Json) => Json): Json {
  return rewriteAny(value, change) as Json;
}

function rewriteAny(value: unknown, change: (node: Json) => Json): unknown {
  if (Array.isArray(value)) return value.map((item) => rewriteAny(item, change));
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).map(([key, item]) => [key, rewriteAny(item, change)]);
  return change(Object.fromEntries(entries) as Json);
}

function inlineRoute(node: Json, routes: Pool): Json {
  const { rds, ...rest } = node;
  if (typeof rds !== 'object' || rds === null) return node;
  return { ...rest, route_config: routes.take(String((rds as Json).route_config_name)) };
}

function inlineFilter(node: Json, filters: Pool): Json {
  if (!('config_discovery' in node)) return node;
  return filters.take(String(node.name));
}

function inlineEndpoints(cluster: Json, endpoints: Pool): Json {
  const { eds_cluster_config: eds, ...rest } = cluster;
  if (cluster.type !== 'EDS') return cluster;
  const name = String((eds as Json | undefined)?.service_name ?? cluster.name);
  // An assignment must carry the cluster's own name once it is inside of it.
  return { ...rest, type: 'STATIC', load_assignment: { ...endpoints.take(name), cluster_name: cluster.name } };
}

/** A secret reference over xDS becomes one to `static_resources.secrets`: the same without its `sds_config`. */
function staticSecret(node: Json, names: ReadonlySet<string>): Json {
  if (!('sds_config' in node)) return node;
  const { sds_config: _source, ...rest } = node;
  if (!names.has(String(node.name))) throw new Error(`no secret ${String(node.name)}`);
  return rest;
}
