import {
  type BackendTrafficPolicy,
  backendTrafficPolicyKind,
  gatewayKind,
  isValidOf,
  type LoadedObject,
} from '../resources/index.ts';
import type { Conditions } from './conditions.ts';
import type { Context } from './context.ts';
import type { GatewayState } from './gateways.ts';
import { matchesLabels } from './labels.ts';
import type { ListenerState } from './listeners.ts';
import type { RouteSource, RuleSource } from './routes.ts';
import { warnLaterFields } from './traffic-later.ts';

export type TrafficSpec = BackendTrafficPolicy['spec'];

/** What one or two policies say together about one rule on one listener. */
export interface EffectivePolicy {
  /** Equal for equal content. */
  readonly key: string;
  /** The most specific policy, which is named where two do not agree. */
  readonly loaded: LoadedObject<BackendTrafficPolicy>;
  readonly spec: TrafficSpec;
}

/** Finds the policy of a rule: that of the rule, else of the route, else of the listener, else of the Gateway. */
export type TrafficPolicyOf = (
  gateway: GatewayState,
  listener: ListenerState,
  route: RouteSource,
  rule: RuleSource,
) => EffectivePolicy | undefined;

type Policy = LoadedObject<BackendTrafficPolicy>;

/** Attaches all BackendTrafficPolicies. An AIGatewayRoute is targeted as the HTTPRoute of its name. */
export function readTrafficPolicies(
  gateways: readonly GatewayState[],
  routes: readonly RouteSource[],
  context: Context,
  conditions: Conditions,
): TrafficPolicyOf {
  const owners = new Map<string, Policy>();
  for (const policy of context.index.all(backendTrafficPolicyKind)) {
    if (!isValidOf(policy, backendTrafficPolicyKind)) continue;
    warnLaterFields(policy, context.report);
    attachPolicy(policy, owners, gateways, routes, context, conditions);
  }
  return (gateway, listener, route, rule) => {
    const { namespace, name } = route.loaded.id;
    const target = `HTTPRoute/${namespace}/${name}`;
    const ofRoute =
      (rule.name === undefined ? undefined : owners.get(`${target}/${rule.name}`)) ?? owners.get(`${target}/`);
    const ofGateway = owners.get(`${gateway.name}/${listener.name}`) ?? owners.get(`${gateway.name}/`);
    return combine(ofRoute, ofGateway);
  };
}

function combine(ofRoute: Policy | undefined, ofGateway: Policy | undefined): EffectivePolicy | undefined {
  const loaded = ofRoute ?? ofGateway;
  if (!loaded) return undefined;
  const name = (policy: Policy): string => `${policy.id.namespace}/${policy.id.name}`;
  if (!ofRoute || !ofGateway || ofRoute.object.spec.mergeType === undefined) {
    return { key: name(loaded), loaded, spec: loaded.object.spec };
  }
  const spec = merge(ofGateway.object.spec, ofRoute.object.spec) as TrafficSpec;
  return { key: `${name(ofRoute)}+${name(ofGateway)}`, loaded, spec };
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

interface Target {
  readonly path: (string | number)[];
  readonly kind: string;
  readonly name: string;
  readonly section: string;
}

function attachPolicy(
  policy: Policy,
  owners: Map<string, Policy>,
  gateways: readonly GatewayState[],
  routes: readonly RouteSource[],
  context: Context,
  conditions: Conditions,
): void {
  let status: readonly [boolean, string, string] = [false, 'TargetNotFound', 'no target was found'];
  for (const { path, kind, name, section } of targetsOf(policy, gateways, routes, context)) {
    const problem = missingTarget(policy, kind, name, section, gateways, routes, context);
    const key = `${kind}/${policy.id.namespace}/${name}/${section}`;
    const owner = owners.get(key);
    if (problem === 'foreign') continue;
    if (problem) {
      context.report.warning(problem.code, policy, path, problem.message, { hint: problem.hint });
      if (!status[0]) status = [false, 'TargetNotFound', problem.message];
    } else if (owner && owner !== policy) {
      const message = `${kind} ${name} already has BackendTrafficPolicy ${owner.id.name}`;
      context.report.warning('HG0206', policy, path, message, {
        hint: 'the older policy wins, then the first by name',
      });
      if (!status[0]) status = [false, 'Conflicted', message];
    } else {
      owners.set(key, policy);
      status = [true, 'Accepted', ''];
    }
  }
  conditions.add(policy, 'Accepted', ...status);
}

function targetsOf(
  policy: Policy,
  gateways: readonly GatewayState[],
  routes: readonly RouteSource[],
  { report }: Context,
): Target[] {
  const { targetRef, targetRefs = [], targetSelectors = [] } = policy.object.spec;
  const named = [
    ...(targetRef ? [{ ref: targetRef, path: ['spec', 'targetRef'] }] : []),
    ...targetRefs.map((ref, i) => ({ ref, path: ['spec', 'targetRefs', i] })),
  ];
  const out: Target[] = named.map(({ ref, path }) => ({
    path,
    kind: ref.kind,
    name: ref.name,
    section: ref.sectionName ?? '',
  }));
  for (const [i, selector] of targetSelectors.entries()) {
    const path = ['spec', 'targetSelectors', i];
    if (selector.namespaces !== undefined && selector.namespaces.from !== 'Same') {
      report.warning('HG0111', policy, [...path, 'namespaces'], 'only targets of the same namespace are selected');
    }
    const candidates =
      selector.kind === 'Gateway' ? gateways.map(({ loaded }) => loaded) : routes.map(({ loaded }) => loaded);
    for (const { id, object } of candidates) {
      if (id.namespace !== policy.id.namespace || !matchesLabels(selector, object.metadata.labels ?? {})) continue;
      out.push({ path, kind: selector.kind, name: id.name, section: '' });
    }
  }
  return out;
}

type Problem = { readonly code: 'HG0205' | 'HG0207'; readonly message: string; readonly hint?: string | undefined };

function missingTarget(
  policy: Policy,
  kind: string,
  name: string,
  section: string,
  gateways: readonly GatewayState[],
  routes: readonly RouteSource[],
  { index }: Context,
): Problem | 'foreign' | undefined {
  const { namespace } = policy.id;
  const isSame = ({ id }: LoadedObject): boolean => id.namespace === namespace && id.name === name;
  if (kind === 'Gateway') {
    const gateway = gateways.find(({ loaded }) => isSame(loaded));
    if (gateway) {
      const has = section === '' || gateway.listeners.some((listener) => listener.name === section);
      return has ? undefined : { code: 'HG0205', message: `Gateway ${name} has no listener ${section}` };
    }
    if (index.find(gatewayKind, namespace, name)) return 'foreign';
    return {
      code: 'HG0205',
      message: `no Gateway ${JSON.stringify(name)}`,
      hint: index.hint(gatewayKind, namespace, name),
    };
  }
  if (kind !== 'HTTPRoute') return { code: 'HG0207', message: `targets of kind ${kind} are not supported` };
  const found = routes.filter(({ loaded }) => isSame(loaded));
  if (found.length === 0) return { code: 'HG0205', message: `no HTTPRoute or AIGatewayRoute ${JSON.stringify(name)}` };
  const has = section === '' || found.some(({ rules }) => rules.some((rule) => rule.name === section));
  return has ? undefined : { code: 'HG0205', message: `route ${name} has no rule ${section}` };
}
