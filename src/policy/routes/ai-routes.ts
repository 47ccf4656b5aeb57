import type { ActionIr, CostIr, InferenceBackendIr, InferenceRuleIr } from '../../ir/index.ts';
import {
  type AIGatewayRoute,
  aiGatewayRouteKind,
  aiServiceBackendKind,
  isValidOf,
  type LoadedObject,
} from '../../resources/index.ts';
import type { BackendSource, Backends } from '../backends/backends.ts';
import { type Context, followReference } from '../context.ts';
import type { GatewayState } from '../gateways/gateways.ts';
import { keyOf } from '../objects.ts';
import { durationMs, retryOfInference } from '../traffic/traffic-effects.ts';
import type { EffectivePolicy } from '../traffic/traffic-policies.ts';
import { mergeCosts, readCosts } from './costs.ts';
import { type Mirror, readMirror } from './mirrors.ts';
import { mergeMutations, readMutations } from './mutations.ts';
import type { RouteSource } from './routes.ts';

const REQUEST_TIMEOUT_MS = 60_000;
/** On an AIGatewayRoute: `report` (the default) or `refuse` what a provider has no word for. */
const UNSUPPORTED_ANNOTATION = 'headgate.dev/unsupported';

/** One rule of an AIGatewayRoute with its references followed; what is left depends on gateway and policy. */
export interface InferenceRule {
  readonly route: string;
  readonly name: string;
  readonly backends: readonly { readonly source: BackendSource; readonly ir: InferenceBackendIr }[];
  readonly costs: readonly CostIr[];
  readonly refusesUnsupported: boolean;
  readonly mirror?: Mirror | undefined;
  readonly fields: AIGatewayRoute['spec']['rules'][number];
}

/** A rule, or the answer that its traffic gets instead. */
export type RuleOutcome<T> = { readonly rule: T } | { readonly respond: ActionIr & { readonly kind: 'respond' } };

/** An answer in the place of traffic that cannot be served. The message goes to clients. */
export function respond(status: number, message: string): { respond: ActionIr & { kind: 'respond' } } {
  return { respond: { kind: 'respond', status, message } };
}

/** Follows the references of all rules of an AIGatewayRoute, each once. */
export function readInferenceRules(
  route: RouteSource,
  backends: Backends,
  context: Context,
): RuleOutcome<InferenceRule>[] {
  const { loaded } = route;
  if (!isValidOf(loaded, aiGatewayRouteKind)) {
    return route.rules.map(() => respond(500, 'this route is not valid'));
  }
  const { spec } = loaded.object;
  const { costs, isWhole } = readCosts(spec.llmRequestCosts ?? [], loaded, ['spec', 'llmRequestCosts'], context.report);
  const refusesUnsupported = readUnsupported(loaded, context);
  const mirror = readMirror(loaded, backends, context);
  return spec.rules.map((fields, index) => {
    const usable = readBackendRefs(loaded, fields, index, backends, context);
    // Without one of its costs a route would serve what nobody counts.
    if (!isWhole) return respond(500, 'the costs of this route are not valid');
    if (usable.length === 0) return respond(500, 'no backend of this route can be used');
    const name = `${route.name}/rule/${index}`;
    return { rule: { route: keyOf(loaded), name, backends: usable, costs, refusesUnsupported, mirror, fields } };
  });
}

function readUnsupported(loaded: LoadedObject, { report }: Context): boolean {
  const value = loaded.object.metadata.annotations?.[UNSUPPORTED_ANNOTATION] ?? 'report';
  if (value === 'report' || value === 'refuse') return value === 'refuse';
  const path = ['metadata', 'annotations', UNSUPPORTED_ANNOTATION];
  report.warning('HG0310', loaded, path, `${JSON.stringify(value)} is neither "report" nor "refuse"; it is reported`);
  return false;
}

type RefField = NonNullable<AIGatewayRoute['spec']['rules'][number]['backendRefs']>[number];

function readBackendRefs(
  loaded: LoadedObject<AIGatewayRoute>,
  { backendRefs = [] }: AIGatewayRoute['spec']['rules'][number],
  index: number,
  backends: Backends,
  context: Context,
): InferenceRule['backends'] {
  const path = ['spec', 'rules', index, 'backendRefs'];
  const found = backendRefs.flatMap((ref, i) => {
    const one = readBackendRef(loaded, ref, [...path, i], backends, context);
    return one && ref.weight > 0 ? [one] : [];
  });
  if (found.length === 0) {
    const why = backendRefs.length === 0 ? 'the rule has no backend' : 'no backend of the rule can be used';
    const at = backendRefs.length === 0 ? path.slice(0, -1) : path;
    context.report.error('HG0304', loaded, at, `${why}; its requests are answered with 500`);
  }
  // A stable sort keeps the order of the YAML within a priority.
  return found.sort((a, b) => a.ir.priority - b.ir.priority);
}

function readBackendRef(
  loaded: LoadedObject<AIGatewayRoute>,
  ref: RefField,
  path: (string | number)[],
  backends: Backends,
  context: Context,
): InferenceRule['backends'][number] | undefined {
  const { report } = context;
  if (ref.kind) {
    report.error('HG0207', loaded, path, `a backend of kind ${ref.kind} is not available yet`);
    return undefined;
  }
  const mutations = readMutations(ref, loaded, path, report);
  const target = followReference(context, loaded, path, aiServiceBackendKind, ref);
  if (!target) return undefined;
  const source = backends.ai.get(keyOf(target));
  if (!source) {
    report.warning('HG0304', loaded, path, `AIServiceBackend ${ref.name} cannot be used and is left out`);
    return undefined;
  }
  if (!mutations) return undefined;
  const { header, body } = mergeMutations(source.mutations, mutations);
  const ir: InferenceBackendIr = {
    backend: source.ir.name,
    priority: ref.priority,
    weight: ref.weight,
    ...(ref.modelNameOverride && { modelOverride: ref.modelNameOverride }),
    ...(header && { headerMutation: header }),
    ...(body && { bodyMutation: body }),
  };
  return { source, ir };
}

/** The rule as it is on one gateway under one policy. */
export function buildInferenceRule(
  { route, name, backends, costs, refusesUnsupported, mirror, fields }: InferenceRule,
  { settings }: GatewayState,
  policy: EffectivePolicy | undefined,
): InferenceRuleIr {
  const http = policy?.spec.timeout?.http;
  const retry = retryOfInference(
    policy,
    backends.map(({ source }) => source.ir),
  );
  const perTryTimeoutMs = durationMs(fields.timeouts?.backendRequest);
  const streamIdleTimeoutMs = durationMs(fields.streamIdleTimeout ?? http?.streamIdleTimeout);
  return {
    route,
    name,
    backends: backends.map(({ ir }) => ir),
    requestTimeoutMs: durationMs(fields.timeouts?.request ?? http?.requestTimeout) ?? REQUEST_TIMEOUT_MS,
    ...(streamIdleTimeoutMs && { streamIdleTimeoutMs }),
    retry: perTryTimeoutMs ? { ...retry, perTryTimeoutMs } : retry,
    costs: mergeCosts(costs, settings.costs),
    ...(refusesUnsupported && { refusesUnsupported }),
    ...(mirror && { mirror: mirror.ir }),
  };
}
