/** Where a proxy without ADS finds what the resources that it is given name. */
import type { NodeInfo } from './node.ts';

/** Key of the node's metadata: the cluster of its bootstrap that leads to the REST port, for all that says `ads`. */
const REST_CLUSTER = 'headgate.dev/rest-cluster';

/** Fields of an envoy.config.core.v3.ConfigSource that is ADS. */
const ADS_FIELDS = new Set(['ads', 'resource_api_version', 'initial_fetch_timeout']);

/** Undefined for a proxy that has ADS too. */
export function restClusterOf({ metadata }: NodeInfo): string | undefined {
  if (typeof metadata !== 'object' || metadata === null) return undefined;
  const name: unknown = Reflect.get(metadata, REST_CLUSTER);
  return typeof name === 'string' && name !== '' ? name : undefined;
}

/** For `JSON.stringify`: what says `ads` is polled for. */
export function pollingOf(cluster: string): (key: string, value: unknown) => unknown {
  const source = {
    resource_api_version: 'V3',
    api_config_source: {
      api_type: 'REST',
      transport_api_version: 'V3',
      cluster_names: [cluster],
      refresh_delay: '5s',
      request_timeout: '5s',
    },
  };
  return (_key, value) => (isAds(value) ? source : value);
}

function isAds(value: unknown): boolean {
  if (typeof value !== 'object' || value === null || !('ads' in value)) return false;
  return typeof value.ads === 'object' && Object.keys(value).every((field) => ADS_FIELDS.has(field));
}
