import { sortedBy } from '../lib/compare.ts';
import { contentHash } from '../lib/hash.ts';
import { TYPES } from './names.ts';
import { type EnvoyResource, type ResourceType, resourceAny } from './resource.ts';
import { decodeMessage, encodeAny, maskSecrets, typeUrl } from './schema/index.ts';

export interface DumpOptions {
  /** `NAMESPACE/NAME`: stands in the dump as the cluster of its node, as in an Envoy's own dump. */
  readonly gateway?: string;
  /** Only resources of these types; default all. */
  readonly types?: readonly ResourceType[];
  /** Shows what Envoy's own dump never shows. */
  readonly showSecrets?: boolean;
}

/** The answer of Envoy's `/config_dump`. */
export interface ConfigDump {
  readonly configs: readonly { readonly '@type': string; readonly [field: string]: unknown }[];
}

type Json = Readonly<Record<string, unknown>>;

interface Section {
  readonly type: ResourceType;
  readonly dump: string;
  readonly field: string;
  readonly entry: (resource: Json, version: string, name: string) => object;
}

const SECTIONS: readonly Section[] = [
  {
    type: 'cluster',
    dump: 'ClustersConfigDump',
    field: 'dynamic_active_clusters',
    entry: (cluster, version_info) => ({ version_info, cluster }),
  },
  {
    type: 'listener',
    dump: 'ListenersConfigDump',
    field: 'dynamic_listeners',
    entry: (listener, version_info, name) => ({ name, active_state: { version_info, listener } }),
  },
  {
    type: 'route',
    dump: 'RoutesConfigDump',
    field: 'dynamic_route_configs',
    entry: (route_config, version_info) => ({ version_info, route_config }),
  },
  {
    type: 'secret',
    dump: 'SecretsConfigDump',
    field: 'dynamic_active_secrets',
    entry: (secret, version_info, name) => ({ name, version_info, secret }),
  },
  {
    type: 'extension',
    dump: 'EcdsConfigDump',
    field: 'ecds_filters',
    entry: (ecds_filter, version_info) => ({ version_info, ecds_filter }),
  },
  {
    type: 'endpoints',
    dump: 'EndpointsConfigDump',
    field: 'dynamic_endpoint_configs',
    entry: (endpoint_config, version_info) => ({ version_info, endpoint_config }),
  },
];

/**
 * The resources of one gateway in the form in which Envoy shows its own: proto field names, defaults left out, Any
 * expanded, secrets masked, in order of name. There are no times, so equal resources give equal dumps.
 * Source: envoy.admin.v3.ConfigDump.
 */
export function configDump(resources: readonly EnvoyResource[], options: DumpOptions = {}): ConfigDump {
  const { gateway } = options;
  const node = { '@type': adminType('BootstrapConfigDump'), bootstrap: { node: { cluster: gateway } } };
  const sections = SECTIONS.filter(({ type }) => options.types?.includes(type) ?? true).map((section) => {
    const entries = sortedBy(
      resources.filter((resource) => resource.type === section.type),
      (resource) => resource.name,
    ).map((resource) => dumpEntry(section, resource, options.showSecrets === true));
    return { '@type': adminType(section.dump), ...(entries.length > 0 && { [section.field]: entries }) };
  });
  return { configs: [...(gateway === undefined ? [] : [node]), ...sections] };
}

/** Encoded and decoded again, since that is what an Envoy would show of it. */
function dumpEntry(section: Section, resource: EnvoyResource, showSecrets: boolean): object {
  const { value } = encodeAny(resourceAny(resource));
  const shown = { '@type': typeUrl(TYPES[resource.type]), ...(decodeMessage(TYPES[resource.type], value) as Json) };
  const masked = showSecrets ? shown : maskSecrets(TYPES[resource.type], shown);
  return section.entry(masked, contentHash(value), resource.name);
}

function adminType(name: string): string {
  return typeUrl(`envoy.admin.v3.${name}`);
}
