/** What the admin API answers to `/config_dump`. */
import type { DumpRequest } from '../admin/index.ts';
import { type ConfigDump, configDump, type DumpEntry, isShown, nodeDump, type Shown } from '../envoy/config-dump.ts';
import { nameMatcher, selectFrom } from '../envoy/dump-query.ts';
import type { ResourceType } from '../envoy/index.ts';
import { TYPES } from '../envoy/names.ts';
import { type decodeAny, decodeMessage, typeUrl } from '../envoy/schema/index.ts';
import type { EncodedResource, NodeConfig, NodeResource } from '../xds/index.ts';
import type { ControlPlane } from './control-plane.ts';

const RESOURCE_TYPES = new Map((Object.keys(TYPES) as ResourceType[]).map((type) => [typeUrl(TYPES[type]), type]));

/**
 * What a proxy has, or what proxies of a gateway shall have; undefined where there is none of that name.
 * Errors: GatewayError `invalid_input`, `not_found`.
 */
export function dumpFor(
  controlPlane: Pick<ControlPlane, 'view' | 'nodeConfig'>,
  { gateway, node, ...query }: DumpRequest,
): ConfigDump | undefined {
  const shown = { names: nameMatcher(query), includeEds: query.includeEds };
  if (node !== undefined) {
    const config = controlPlane.nodeConfig(node, gateway);
    return config && selectFrom(dumpOfNode(config, shown), query);
  }
  const view = controlPlane.view(gateway ?? '');
  return view && selectFrom(configDump(view.resources, { gateway: view.gateway, ...shown }), query);
}

/** Times are those since when the server has a resource in that form, or the node is connected. */
function dumpOfNode({ node, connectedAt, versions, resources }: NodeConfig, shown: Shown): ConfigDump {
  const { id, cluster, userAgentName, metadata } = node;
  const formOf = (resource: EncodedResource) => ({
    version: resource.version,
    resource: decodeMessage('google.protobuf.Any', resource.any) as ReturnType<typeof decodeAny>,
    lastUpdated: new Date(Math.max(resource.since, Date.parse(connectedAt))).toISOString(),
  });
  const entryOf = ({ typeUrl: url, name, active, pending, rejected }: NodeResource): DumpEntry[] => {
    const type = RESOURCE_TYPES.get(url);
    // What is not shown does not have to be read.
    if (type === undefined || !isShown(shown, type, name)) return [];
    const error = rejected && {
      version: rejected.version,
      details: rejected.message,
      lastUpdated: rejected.time,
      ...(rejected.resource && { resource: formOf(rejected.resource).resource }),
    };
    return [
      {
        type,
        name,
        ...(active && { active: formOf(active) }),
        ...(pending && { warming: formOf(pending) }),
        ...(error && { error }),
      },
    ];
  };
  const byType = [...versions].flatMap(([url, version]) => {
    const type = RESOURCE_TYPES.get(url);
    return type === undefined ? [] : [[type, version] as const];
  });
  const head = {
    node: { id, cluster, ...(userAgentName && { user_agent_name: userAgentName }), ...(metadata ? { metadata } : {}) },
    lastUpdated: connectedAt,
    versions: new Map(byType),
  };
  return nodeDump(resources.flatMap(entryOf), head, shown);
}
