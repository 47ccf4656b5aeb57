import type { ConfigDump } from '../../envoy/config-dump.ts';
import { compareText } from '../../lib/compare.ts';
import { contentHash } from '../../lib/hash.ts';

/** One resource as a side of a comparison has it. */
export interface DumpedResource {
  readonly gateway: string;
  /** `cluster`, `listener`, `route`, `secret`, `extension` or `endpoints`. */
  readonly type: string;
  readonly name: string;
  /** Content hash, of secrets too. */
  readonly version: string;
  /** As Envoy shows it; secrets are masked. */
  readonly resource: unknown;
}

/** Where the resources of a type stand in a dump. */
const SECTIONS: readonly { type: string; field: string; resource: string }[] = [
  { type: 'cluster', field: 'dynamic_active_clusters', resource: 'cluster' },
  { type: 'listener', field: 'dynamic_listeners', resource: 'listener' },
  { type: 'route', field: 'dynamic_route_configs', resource: 'route_config' },
  { type: 'secret', field: 'dynamic_active_secrets', resource: 'secret' },
  { type: 'extension', field: 'ecds_filters', resource: 'ecds_filter' },
  { type: 'endpoints', field: 'dynamic_endpoint_configs', resource: 'endpoint_config' },
];

/** The resources of a dump; those of a server and those compiled here are read alike. */
export function resourcesOfDump(gateway: string, dump: ConfigDump): DumpedResource[] {
  return dump.configs.flatMap((config) =>
    SECTIONS.flatMap((section) => entriesOf(config[section.field]).map((entry) => readEntry(gateway, section, entry))),
  );
}

type Json = Readonly<Record<string, unknown>>;

function entriesOf(value: unknown): Json[] {
  return Array.isArray(value) ? value.filter(isObject) : [];
}

function readEntry(gateway: string, section: (typeof SECTIONS)[number], entry: Json): DumpedResource {
  const state = isObject(entry.active_state) ? entry.active_state : entry;
  const resource = state[section.resource];
  const { name, cluster_name } = isObject(resource) ? resource : {};
  return {
    gateway,
    type: section.type,
    name: String(name ?? cluster_name),
    version: String(state.version_info),
    resource,
  };
}

function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** A difference between two sides. */
export interface Change {
  readonly change: 'added' | 'removed' | 'changed';
  readonly gateway: string;
  readonly type: string;
  readonly name: string;
  readonly before?: DumpedResource;
  readonly after?: DumpedResource;
}

/** Tokens that a server fetches: another one at any time, and none for who compiles. */
const FETCHED = /^BackendSecurityPolicy\/[^/]+\/[^/]+\/token(?:\/|$)/;

/** What differs, in order of gateway, type and name. Versions decide, since masked secrets look alike. */
export function compareSides(before: readonly DumpedResource[], after: readonly DumpedResource[]): Change[] {
  const old = new Map(before.map((resource) => [keyOf(resource), resource]));
  const now = new Map(after.map((resource) => [keyOf(resource), resource]));
  return [...new Set([...old.keys(), ...now.keys()])].sort(compareText).flatMap((key) => {
    const [was, is] = [old.get(key), now.get(key)];
    const one = is ?? was;
    if (one === undefined || was?.version === is?.version || (was && is && FETCHED.test(one.name))) return [];
    const { gateway, type, name } = one;
    const change = was === undefined ? 'added' : is === undefined ? 'removed' : 'changed';
    return [{ change, gateway, type, name, ...(was && { before: was }), ...(is && { after: is }) }];
  });
}

function keyOf({ gateway, type, name }: DumpedResource): string {
  return [gateway, type, name].join('\u0000');
}

/** Longer texts (the data path script) are shown by their hash. */
const MAX_TEXT = 2000;

/** The resource with long texts taken out, for a comparison that people read. */
export function withoutLongTexts(value: unknown): unknown {
  if (typeof value === 'string' && value.length > MAX_TEXT)
    return `<${value.length} characters, ${contentHash(value)}>`;
  if (Array.isArray(value)) return value.map(withoutLongTexts);
  if (!isObject(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, withoutLongTexts(item)]));
}
