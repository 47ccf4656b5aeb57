import type { BackendIr, InferenceRuleIr } from '../ir/index.ts';
import { backendNeeds } from './backend-needs.ts';
import { type Capabilities, isOlder } from './capabilities.ts';
import { mirrorClusterName, mirrorEntranceName } from './cluster-name.ts';
import type { ConfigRouteV3RouteAction } from './schema/index.ts';

/** Copies of requests go to a cluster that makes them its provider's own, by what the script has noted in a header. */
export function mirrorPolicy(
  rule: InferenceRuleIr,
  backends: ReadonlyMap<string, BackendIr>,
  capabilities: Capabilities,
): Pick<ConfigRouteV3RouteAction, 'request_mirror_policies'> | undefined {
  const backend = rule.mirror && backends.get(rule.mirror.backend);
  if (!rule.mirror || !backend) return undefined;
  const older = isOlder(capabilities);
  if (older && !capabilities.features.has('internal_listener')) return undefined;
  if (!backendNeeds(backend, capabilities).every((need) => capabilities.features.has(need))) return undefined;
  return {
    request_mirror_policies: [
      {
        cluster: (older ? mirrorEntranceName : mirrorClusterName)(rule, rule.mirror),
        runtime_fraction: {
          default_value: { numerator: Math.round(rule.mirror.percent * 10_000), denominator: 'MILLION' },
        },
        disable_shadow_host_suffix_append: true,
      },
    ],
  };
}
