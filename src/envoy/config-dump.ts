import { sortedBy } from '../lib/compare.ts';
import { contentHash } from '../lib/hash.ts';
import { TYPES } from './names.ts';
import { type EnvoyResource, type ResourceType, resourceAny } from './resource.ts';
import { decodeAny, encodeAny, maskSecrets, typeUrl } from './schema/index.ts';

type Json = Readonly<Record<string, unknown>>;
type Any = Json & { readonly '@type': string };

/** The answer of Envoy's `/config_dump`. */
export interface ConfigDump {
  readonly configs: readonly Any[];
}

/** A resource in one version. */
export interface DumpedForm {
  readonly version: string;
  readonly resource: Any;
  /** ISO 8601. */
  readonly lastUpdated?: string;
}

/** One resource as a dump shows it. */
export interface DumpEntry {
  readonly type: ResourceType;
  readonly name: string;
  readonly active?: DumpedForm;
  /** On its way. Envoy has a place for it where something can be warming. */
  readonly warming?: DumpedForm;
  /** What was rejected instead. */
  readonly error?: Omit<DumpedForm, 'resource'> & { readonly details: string; readonly resource?: Any };
}

/** What a dump says besides resources. */
export interface DumpHead {
  /** As in the bootstrap. */
  readonly node: object;
  readonly lastUpdated?: string;
  /** Of all resources of a type. */
  readonly versions: ReadonlyMap<ResourceType, string>;
}

interface Section {
  readonly dump: string;
  readonly type?: ResourceType;
  readonly isVersioned?: boolean;
  readonly place?: (entry: DumpEntry) => Readonly<Record<string, object | undefined>>;
}

/** In the order of Envoy's own. */
const SECTIONS: readonly Section[] = [
  {
    dump: 'ClustersConfigDump',
    type: 'cluster',
    isVersioned: true,
    place: (entry) => ({
      dynamic_active_clusters: state(entry, 'cluster'),
      dynamic_warming_clusters: entry.warming && form(entry.warming, 'cluster'),
    }),
  },
  { dump: 'EcdsConfigDump', type: 'extension', place: (entry) => ({ ecds_filters: state(entry, 'ecds_filter') }) },
  {
    dump: 'EndpointsConfigDump',
    type: 'endpoints',
    place: (entry) => ({ dynamic_endpoint_configs: state(entry, 'endpoint_config') }),
  },
  {
    dump: 'ListenersConfigDump',
    type: 'listener',
    isVersioned: true,
    place: ({ name, active, warming, error }) => ({
      dynamic_listeners: {
        name,
        ...(active && { active_state: form(active, 'listener') }),
        ...(warming && { warming_state: form(warming, 'listener') }),
        ...(error && { error_state: failure(error) }),
      },
    }),
  },
  { dump: 'ScopedRoutesConfigDump' },
  {
    dump: 'RoutesConfigDump',
    type: 'route',
    place: (entry) => ({ dynamic_route_configs: state(entry, 'route_config') }),
  },
  {
    dump: 'SecretsConfigDump',
    type: 'secret',
    place: (entry) => ({
      dynamic_active_secrets: named(entry.name, state(entry, 'secret')),
      dynamic_warming_secrets: named(entry.name, entry.warming && form(entry.warming, 'secret')),
    }),
  },
];

function form({ version, resource, lastUpdated }: DumpedForm, field: string): object {
  return { version_info: version, [field]: resource, ...(lastUpdated && { last_updated: lastUpdated }) };
}

/** What was never accepted has no other form beside the one that failed. */
function state({ active, error }: DumpEntry, field: string): object | undefined {
  if (active === undefined && error === undefined) return undefined;
  return { ...(active && form(active, field)), ...(error && { error_state: failure(error) }) };
}

function failure({ resource, lastUpdated, details, version }: NonNullable<DumpEntry['error']>): object {
  return {
    ...(resource && { failed_configuration: resource }),
    ...(lastUpdated && { last_update_attempt: lastUpdated }),
    details,
    ...(version !== '' && { version_info: version }),
  };
}

function named(name: string, shown: object | undefined): object | undefined {
  return shown && { name, ...shown };
}

/** Which resources a dump shows; default all. */
export interface Shown {
  readonly types?: readonly ResourceType[];
  readonly names?: (name: string) => boolean;
  readonly includeEds?: boolean;
}

/** Of a compiled gateway. */
export interface DumpOptions extends Shown {
  /** `NAMESPACE/NAME`: stands in the dump as the cluster of its node, as in an Envoy's own dump. */
  readonly gateway?: string;
  /** Shows what Envoy's own dump never shows. */
  readonly showSecrets?: boolean;
}

/** The resources of one gateway. There are no times, so equal resources give equal dumps. */
export function configDump(resources: readonly EnvoyResource[], options: DumpOptions = {}): ConfigDump {
  const { gateway, showSecrets = false, ...shown } = options;
  const head = { node: { cluster: gateway }, versions: new Map() };
  const sections = sectionsFor(shown).map((section) => {
    const own = resources.filter(({ type, name }) => type === section.type && isShown(shown, type, name));
    const entries = own.map(compiledEntry);
    return fill(section, showSecrets ? entries : entries.map(maskedEntry), head);
  });
  return { configs: [...(gateway === undefined ? [] : [bootstrapDump(head)]), ...sections] };
}

/** What one proxy has, of what is to be shown. */
export function nodeDump(entries: readonly DumpEntry[], head: DumpHead, shown: Shown): ConfigDump {
  const sections = sectionsFor(shown).map((section) => {
    const own = entries.filter(({ type }) => type === section.type);
    return fill(section, own.map(maskedEntry), head);
  });
  return { configs: [bootstrapDump(head), ...sections] };
}

export function isShown({ types, names, includeEds = true }: Shown, type: ResourceType, name: string): boolean {
  return (types?.includes(type) ?? true) && (names?.(name) ?? true) && (includeEds || type !== 'endpoints');
}

function sectionsFor({ types, includeEds = true }: Shown): readonly Section[] {
  return SECTIONS.filter(({ type }) => {
    if (type === 'endpoints' && !includeEds) return false;
    return types === undefined || (type !== undefined && types.includes(type));
  });
}

/** Encoded and decoded again, since that is what an Envoy would show of it. */
function compiledEntry(resource: EnvoyResource): DumpEntry {
  const { type, name } = resource;
  const { value } = encodeAny(resourceAny(resource));
  return { type, name, active: { version: contentHash(value), resource: decodeAny(typeUrl(TYPES[type]), value) } };
}

function bootstrapDump({ node, lastUpdated }: DumpHead): Any {
  const updated = lastUpdated === undefined ? {} : { last_updated: lastUpdated };
  return { '@type': adminType('BootstrapConfigDump'), bootstrap: { node }, ...updated };
}

/**
 * Resources in the form in which Envoy shows its own: proto field names, defaults left out, Any expanded, in order of
 * name. Source: envoy.admin.v3.ConfigDump.
 */
function fill({ dump, type, isVersioned, place }: Section, entries: readonly DumpEntry[], head: DumpHead): Any {
  const version = isVersioned && type ? head.versions.get(type) : undefined;
  const fields: Record<string, object[]> = {};
  for (const entry of sortedBy(entries, ({ name }) => name)) {
    for (const [field, shown] of Object.entries(place?.(entry) ?? {})) {
      if (shown === undefined) continue;
      fields[field] ??= [];
      fields[field].push(shown);
    }
  }
  return { '@type': adminType(dump), ...(version !== undefined && { version_info: version }), ...fields };
}

function maskedEntry({ type, name, active, warming, error }: DumpEntry): DumpEntry {
  return {
    type,
    name,
    ...(active && { active: masked(active) }),
    ...(warming && { warming: masked(warming) }),
    ...(error && { error: masked(error) }),
  };
}

function masked<T extends { readonly resource?: Any }>(form: T): T {
  return form.resource === undefined ? form : { ...form, resource: maskSecrets('google.protobuf.Any', form.resource) };
}

function adminType(name: string): string {
  return typeUrl(`envoy.admin.v3.${name}`);
}
