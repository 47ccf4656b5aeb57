import { contentHash } from '../lib/hash.ts';

/**
 * What the compiled configuration needs of an Envoy beyond what every supported version has. `extension` is a name that
 * an Envoy without it does not list; fields of known extensions go by version alone.
 */
const FEATURES = {
  /** Lua filters that are told facts and share one VM: the data path script. */
  lua_filter_context: {
    since: '1.40.0',
    extension: 'envoy.filters.http.lua',
    what: 'Lua filters with a filter context',
  },
  /** Another provider on each attempt. */
  priority_group: {
    since: '1.40.0',
    extension: 'envoy.router.cluster_specifier_plugin.priority_group',
    what: 'the priority_group cluster specifier',
  },
  /** The data path script as it is on older Envoys (older/). */
  lua: {
    since: '1.36.0',
    extension: 'envoy.filters.http.lua',
    what: 'Lua filters',
  },
  /** The way to backends of which another may be asked, on older Envoys. */
  internal_listener: {
    since: '1.36.0',
    extension: 'envoy.bootstrap.internal_listener',
    what: 'internal listeners',
  },
  /** Every supported version has it, but an Envoy may be built without. */
  credential_injector: {
    since: '1.36.0',
    extension: 'envoy.filters.http.credential_injector',
    what: 'the credential_injector filter',
  },
  credential_prefix: {
    since: '1.37.0',
    extension: 'envoy.filters.http.credential_injector',
    what: 'the credential_injector filter with a prefix of its header',
  },
  /** Every supported version has it, but an Envoy may be built without. */
  aws_request_signing: {
    since: '1.36.0',
    extension: 'envoy.filters.http.aws_request_signing',
    what: 'the aws_request_signing filter',
  },
  /** Else it is told which ones are not. */
  signed_headers: {
    since: '1.37.0',
    extension: 'envoy.filters.http.aws_request_signing',
    what: 'the aws_request_signing filter with a list of signed headers',
  },
  /** Names that are resolved in the order in which they are asked for (clusters.ts). */
  ordered_dns: {
    since: '1.40.0',
    extension: 'envoy.network.dns_resolver.getaddrinfo',
    what: 'the getaddrinfo resolver of names',
  },
  /** Translation on an attempt, switched on by its route; on older Envoys where it passes a second time. */
  ext_proc: {
    since: '1.36.0',
    extension: 'envoy.filters.http.ext_proc',
    what: 'external processing of attempts',
  },
  /** What a processor that is gone makes of an answer. */
  detail_filter: {
    since: '1.36.0',
    extension: 'envoy.access_loggers.extension_filters.cel',
    what: 'error bodies by the details of an answer',
  },
  /** How much of a request is held, by virtual host; else it is as much as a connection may hold. */
  body_limit: {
    since: '1.37.0',
    extension: 'envoy.filters.http.router',
    what: 'limits of request bodies by virtual host',
  },
  /** Limits by the range of the client's address. */
  address_match: {
    since: '1.38.0',
    extension: 'envoy.filters.http.ratelimit',
    what: 'rate limits by ranges of addresses',
  },
  /** Hits that are given back. */
  negative_hits: {
    since: '1.38.0',
    extension: 'envoy.filters.http.ratelimit',
    what: 'rate limits that give back what was reserved',
  },
  /** Limits that do not tell clients their numbers. */
  hidden_limit: {
    since: '1.38.0',
    extension: 'envoy.filters.http.ratelimit',
    what: 'rate limits without x-ratelimit headers',
  },
  /** Limits that a request brings in its metadata. */
  limit_override: {
    since: '1.39.0',
    extension: 'envoy.filters.http.ratelimit',
    what: 'rate limits taken from metadata',
  },
  retry_after: {
    since: '1.40.0',
    extension: 'envoy.filters.http.ratelimit',
    what: 'Retry-After of rate limits',
  },
  forward_proxy: {
    since: '1.38.0',
    extension: 'envoy.transport_sockets.http_11_proxy',
    what: 'the http_11_proxy transport socket with a proxy of its own',
  },
} as const satisfies Record<string, { since: string; extension: string; what: string }>;

export type EnvoyFeature = keyof typeof FEATURES;

/** What one Envoy can do: its version and the extensions it says it has. */
export interface Capabilities {
  /** `1.40.0`. */
  readonly version: string;
  readonly features: ReadonlySet<EnvoyFeature>;
  /** The same for Envoys that can do the same: a snapshot is compiled once for each. */
  readonly key: string;
}

const FEATURE_NAMES = Object.keys(FEATURES) as EnvoyFeature[];

/** The newest Envoy that is known in full; what is compiled offline is compiled for it. */
export const NEWEST_ENVOY = '1.40.0';

export function describeFeature(feature: EnvoyFeature): string {
  return `${FEATURES[feature].what} (Envoy ${FEATURES[feature].since} and later)`;
}

/**
 * Shape: an Envoy version and, where the node told them, the names of its extensions. Without names (offline) the
 * version alone decides; a version that cannot be read counts as the oldest.
 */
export function capabilitiesOf(version: string, extensions?: readonly string[]): Capabilities {
  const known = extensions === undefined || extensions.length === 0 ? undefined : new Set(extensions);
  const features = FEATURE_NAMES.filter((name) => {
    const feature = FEATURES[name];
    return atLeast(version, feature.since) && (known === undefined || known.has(feature.extension));
  });
  return { version, features: new Set(features), key: contentHash(features.join(',')) };
}

/** Neither the script nor the failover as the newest Envoys have them: see older/. */
export function isOlder({ features }: Capabilities): boolean {
  return !features.has('lua_filter_context') || !features.has('priority_group');
}

function atLeast(version: string, since: string): boolean {
  const have = version.split('.').map(Number);
  const want = since.split('.').map(Number);
  for (const [i, wanted] of want.entries()) {
    const part = have[i] ?? 0;
    if (!Number.isFinite(part)) return false;
    if (part !== wanted) return part > wanted;
  }
  return true;
}
