import {
  type BackendTrafficPolicy,
  backendTrafficPolicyKind,
  isValidOf,
  type LoadedObject,
} from '../../resources/index.ts';
import type { Conditions } from '../conditions.ts';
import type { Context } from '../context.ts';
import type { GatewayState } from '../gateways/gateways.ts';
import type { ListenerState } from '../gateways/listeners.ts';
import { keyOf } from '../objects.ts';
import type { RouteSource, RuleSource } from '../routes/routes.ts';
import { type PolicyLimits, readRateLimits } from './rate-limits.ts';
import { salvageLimits } from './salvage-limits.ts';
import { warnLaterFields } from './traffic-later.ts';
import { findTarget, type TargetObjects, targetsOf } from './traffic-targets.ts';

export type TrafficSpec = BackendTrafficPolicy['spec'];

/** What one or two policies say together about one rule on one listener. */
export interface EffectivePolicy {
  /** Policies with the same key are the same. */
  readonly key: string;
  /** The most specific policy, which is named where two do not agree. */
  readonly loaded: LoadedObject<BackendTrafficPolicy>;
  /** How far its target is from the rule: 0 the rule itself, 1 the route, 2 the listener, 3 the Gateway. */
  readonly distance: number;
  readonly spec: TrafficSpec;
  readonly globalLimits?: LimitsOwner;
  readonly localLimits?: LimitsOwner;
}

/** The policy that limits come from, which is not the most specific one where two are merged. */
export interface LimitsOwner {
  readonly policy: LoadedObject;
  readonly limits: PolicyLimits;
}

/** Finds the policy of a rule: that of the rule, else of the route, else of the listener, else of the Gateway. */
export type TrafficPolicyOf = (
  gateway: GatewayState,
  listener: ListenerState,
  route: RouteSource,
  rule: RuleSource,
) => EffectivePolicy | undefined;

type Policy = LoadedObject<BackendTrafficPolicy>;
type Near = { readonly policy: Policy; readonly distance: number };

/** Attaches all BackendTrafficPolicies. An AIGatewayRoute is targeted as the HTTPRoute of its name. */
export function readTrafficPolicies(objects: TargetObjects, context: Context, conditions: Conditions): TrafficPolicyOf {
  const owners = new Map<string, Policy>();
  const limits = new Map<Policy, PolicyLimits>();
  for (const policy of context.index.all(backendTrafficPolicyKind)) {
    if (isValidOf(policy, backendTrafficPolicyKind)) {
      warnLaterFields(policy, context.report);
      limits.set(policy, readRateLimits(policy, context.report));
      attachPolicy(policy, owners, objects, context, conditions);
    } else {
      conditions.add(policy, 'Accepted', false, 'Invalid', 'the policy does not match its schema');
      const closed = salvageLimits(policy);
      if (!closed) continue;
      limits.set(closed, { global: [], local: [], isWhole: false });
      attachPolicy(closed, owners, objects, context, { add: () => undefined });
    }
  }
  return (gateway, listener, route, rule) => {
    const target = `HTTPRoute/${keyOf(route.loaded)}`;
    const keys = [`${target}/${rule.name ?? ''}`, `${target}/`, `${gateway.name}/${listener.name}`, `${gateway.name}/`];
    const found = keys.flatMap((key, distance): Near[] => {
      const policy = owners.get(key);
      return policy ? [{ policy, distance }] : [];
    });
    const ofRoute = found.find(({ distance }) => distance < 2);
    const ofGateway = found.find(({ distance }) => distance >= 2);
    return combine(ofRoute, ofGateway, limits);
  };
}

function combine(
  ofRoute: Near | undefined,
  ofGateway: Near | undefined,
  limits: ReadonlyMap<Policy, PolicyLimits>,
): EffectivePolicy | undefined {
  const nearest = ofRoute ?? ofGateway;
  if (!nearest) return undefined;
  const { policy: loaded, distance } = nearest;
  const key = `${distance}:${keyOf(loaded)}`;
  if (!ofRoute || !ofGateway || loaded.object.spec.mergeType === undefined) {
    return { key, loaded, distance, spec: loaded.object.spec, ...limitsOwners([loaded], limits) };
  }
  const spec = merge(ofGateway.policy.object.spec, loaded.object.spec) as TrafficSpec;
  const owners = limitsOwners([loaded, ofGateway.policy], limits);
  return { key: `${key}+${keyOf(ofGateway.policy)}`, loaded, distance, spec, ...owners };
}

/** Lists are replaced when policies are merged, so each list of rules is of one policy. */
function limitsOwners(
  policies: readonly Policy[],
  limits: ReadonlyMap<Policy, PolicyLimits>,
): Pick<EffectivePolicy, 'globalLimits' | 'localLimits'> {
  const ownerOf = (kind: 'global' | 'local'): LimitsOwner | undefined => {
    const policy = policies.find(({ object }) => object.spec.rateLimit?.[kind]?.rules !== undefined);
    const own = policy && limits.get(policy);
    return own && { policy, limits: own };
  };
  const globalLimits = ownerOf('global');
  const localLimits = ownerOf('local');
  return { ...(globalLimits && { globalLimits }), ...(localLimits && { localLimits }) };
}

/** JSON merge: objects field by field, everything else replaced. */
function merge(under: unknown, over: unknown): unknown {
  const isPlain = (value: unknown): value is Readonly<Record<string, unknown>> =>
    typeof value === 'object' && value !== null && !Array.isArray(value);
  if (!isPlain(under) || !isPlain(over)) return over;
  const out: Record<string, unknown> = { ...under };
  for (const [key, value] of Object.entries(over)) {
    out[key] = Object.hasOwn(under, key) ? merge(under[key], value) : value;
  }
  return out;
}

function attachPolicy(
  policy: Policy,
  owners: Map<string, Policy>,
  objects: TargetObjects,
  context: Context,
  conditions: Pick<Conditions, 'add'>,
): void {
  const ancestors = new Set<string>();
  let problem: readonly [reason: string, message: string] = ['TargetNotFound', 'no target was found'];
  for (const target of targetsOf(policy, objects, context)) {
    const { path, kind, name, section } = target;
    const found = findTarget(policy, target, objects, context);
    const key = `${kind}/${policy.id.namespace}/${name}/${section}`;
    const owner = owners.get(key);
    if (found === 'foreign') continue;
    if ('code' in found) {
      context.report.warning(found.code, policy, path, found.message, { hint: found.hint });
      problem = ['TargetNotFound', found.message];
    } else if (owner && owner !== policy) {
      const message = `${kind} ${name} already has BackendTrafficPolicy ${owner.id.name}`;
      const hint = 'the older policy wins, then the first by name';
      context.report.warning('HG0206', policy, path, message, { hint });
      problem = ['Conflicted', message];
    } else {
      owners.set(key, policy);
      for (const gateway of found.gateways) ancestors.add(gateway);
    }
  }
  if (ancestors.size === 0) conditions.add(policy, 'Accepted', false, ...problem);
  for (const parent of ancestors) conditions.add(policy, 'Accepted', true, 'Accepted', '', { parent });
}
