import { servingMode } from '../../envoy/api-classes.ts';
import { clusterName } from '../../envoy/cluster-name.ts';
import { plainBackends, plainClusterName } from '../../envoy/plain-backends.ts';
import type {
  ApiEndpoint,
  BackendIr,
  CostIr,
  ForwardIr,
  GatewayIr,
  InferenceBackendIr,
  InferenceRuleIr,
  MirrorIr,
  RedirectIr,
  RouteIr,
} from '../../ir/index.ts';
import { sortedBy } from '../../lib/compare.ts';
import { formatFieldPath } from '../../lib/findings.ts';
import { nativePath, servesNatively, translatedPath } from '../../providers/index.ts';
import { describeBackend, describeRetry, duration, edits, replacePath, share } from './describe.ts';
import type { BackendExplanation, ExplainedGateway, LimitExplanation, Outcome } from './explanation.ts';
import { explainLimits, explainQuotas } from './limits.ts';
import type { ClientRequest } from './request.ts';

/** What was read of an inference request. */
interface Asked {
  readonly endpoint: ApiEndpoint | undefined;
  readonly model: string | undefined;
}

/** What a route does with a request that it matches. */
export function explainAction(
  route: RouteIr,
  explained: ExplainedGateway,
  request: ClientRequest,
  asked: Asked,
): Outcome {
  const { action } = route;
  switch (action.kind) {
    case 'respond':
      return { kind: 'answer', status: action.status, message: action.message };
    case 'redirect':
      return { kind: 'redirect', status: action.redirect.statusCode, to: describeRedirect(action.redirect, request) };
    case 'forward':
      return explainForward(action.forward, explained, request, explainLimits(route, request));
    case 'inference':
      return (
        lacking(route, explained) ??
        explainInference(action.rule, explained, asked, request, explainLimits(route, request))
      );
  }
}

/** What the compiler says this Envoy cannot do. */
function lacking({ origin }: RouteIr, { findings }: ExplainedGateway): Outcome | undefined {
  const field = formatFieldPath(origin.field);
  const found = findings.find((f) => f.code === 'HG0601' && f.object === origin.object && f.field === field);
  return found && { kind: 'answer', status: 501, message: found.message };
}

function explainInference(
  rule: InferenceRuleIr,
  { gateway }: ExplainedGateway,
  asked: Asked,
  request: ClientRequest,
  limits: readonly LimitExplanation[],
): Outcome {
  const { endpoint, model } = asked;
  const refs = rule.backends.map((ref) => ({
    ref,
    backend: gateway.backends.find(({ name }) => name === ref.backend),
  }));
  const serving = refs.filter(
    ({ backend }) => endpoint && backend?.provider && servingMode(backend.provider, endpoint) !== undefined,
  );
  const skipped = refs
    .filter((entry) => !serving.includes(entry))
    .map(({ ref, backend }) => ({
      backend: backend?.displayName ?? ref.backend,
      reason: whySkipped(backend, endpoint),
    }));
  if (serving.length === 0) {
    const names = skipped.map(({ backend, reason }) => `${backend} ${reason}`).join('; ');
    return {
      kind: 'answer',
      status: 501,
      message: `no backend of this rule serves ${endpoint?.path ?? 'this'}: ${names}`,
    };
  }
  const plain = plainBackends(gateway);
  const ordered = sortedBy(serving, ({ ref }) => ref.priority);
  return {
    kind: 'backends',
    backends: ordered.map(({ ref, backend }) => {
      const all = refs.map((entry) => entry.ref);
      const explained = explainBackend(rule, ref, backend, all, endpoint, model, plain.has(ref.backend));
      const quota = explainQuotas(backend?.quotas ?? [], explained.model, request);
      return { ...explained, ...(quota.length > 0 && { quota }) };
    }),
    skipped,
    timeouts: [
      `request ${duration(rule.requestTimeoutMs)}`,
      ...(rule.streamIdleTimeoutMs === undefined
        ? []
        : [`silence of an attempt ${duration(rule.streamIdleTimeoutMs)}`]),
    ],
    retry: describeRetry(rule.retry, serving.length),
    costs: rule.costs.map((cost) => ({ key: cost.metadataKey, value: describeCost(cost) })),
    limits,
    changes: rule.mirror ? [describeMirror(rule.mirror, gateway)] : [],
  };
}

function whySkipped(backend: BackendIr | undefined, endpoint: ApiEndpoint | undefined): string {
  const schema = backend?.provider?.schema;
  if (schema && endpoint && servesNatively(endpoint.name, schema))
    return 'does not have this API, nor one that carries it';
  return `speaks ${schema ?? 'no AI schema'}, to which this API is not translated`;
}

function describeMirror({ backend, percent, modelOverride }: MirrorIr, gateway: GatewayIr): string {
  const name = gateway.backends.find((one) => one.name === backend)?.displayName ?? backend;
  return `mirrors ${percent}% to ${name}${modelOverride === undefined ? '' : ` as ${modelOverride}`}`;
}

function explainBackend(
  rule: InferenceRuleIr,
  ref: InferenceBackendIr,
  backend: BackendIr | undefined,
  all: readonly InferenceBackendIr[],
  endpoint: ApiEndpoint | undefined,
  model: string | undefined,
  isPlain: boolean,
): BackendExplanation {
  const sent = ref.modelOverride ?? model;
  const native = backend?.provider && endpoint && nativePath(endpoint.name, backend.provider);
  const translated = backend?.provider && endpoint && translatedPath(endpoint.name, backend.provider);
  const path = native ?? translated?.path;
  const total = all.filter(({ priority }) => priority === ref.priority).reduce((sum, { weight }) => sum + weight, 0);
  return {
    ...(backend ? describeBackend(backend) : { backend: ref.backend, endpoints: [] }),
    cluster: isPlain ? plainClusterName(ref.backend) : clusterName(rule, ref),
    priority: ref.priority,
    percent: share(ref.weight, total),
    ...(path !== undefined && { path: path.replace('{model}', encodeURIComponent(sent ?? '')) }),
    ...(sent !== undefined && { model: sent }),
    changes: [
      ...(translated && native === undefined ? [`is translated for ${backend?.provider?.schema}`] : []),
      ...mutations(ref),
    ],
  };
}

/** Values may hold credentials: names alone. */
function mutations({ headerMutation, bodyMutation }: InferenceBackendIr): string[] {
  return [
    ...(headerMutation?.set ?? []).map(({ name }) => `sets header ${name}`),
    ...(headerMutation?.remove ?? []).map((name) => `removes header ${name}`),
    ...(bodyMutation?.set ?? []).map(({ path }) => `sets body field ${path}`),
    ...(bodyMutation?.remove ?? []).map((path) => `removes body field ${path}`),
  ];
}

function describeCost({ value }: CostIr): string {
  return value.kind === 'count' ? `${value.count} tokens` : value.expression;
}

function explainForward(
  forward: ForwardIr,
  { gateway }: ExplainedGateway,
  request: ClientRequest,
  limits: readonly LimitExplanation[],
): Outcome {
  const total = forward.backends.reduce((sum, { weight }) => sum + weight, 0) + forward.invalidWeight;
  if (forward.backends.length === 0 || total === 0) {
    return { kind: 'answer', status: 500, message: 'the rule has no backend that exists' };
  }
  const backends = forward.backends.map((ref): BackendExplanation => {
    const backend = gateway.backends.find(({ name }) => name === ref.backend);
    return {
      ...(backend ? describeBackend(backend) : { backend: ref.backend, endpoints: [] }),
      cluster: ref.backend,
      priority: 0,
      percent: share(ref.weight, total),
      path: replacePath(forward.rewrite?.path, request.path),
      changes: [...edits('request', ref.requestHeaders), ...edits('response', ref.responseHeaders)],
    };
  });
  const { requestTimeoutMs, backendRequestTimeoutMs, rewrite, retry } = forward;
  return {
    kind: 'backends',
    backends,
    skipped:
      forward.invalidWeight === 0
        ? []
        : [{ backend: `${share(forward.invalidWeight, total)}%`, reason: 'gets 500: its reference does not resolve' }],
    timeouts: [
      `request ${duration(requestTimeoutMs)}`,
      ...(backendRequestTimeoutMs === undefined ? [] : [`an attempt ${duration(backendRequestTimeoutMs)}`]),
    ],
    retry: retry ? describeRetry(retry, 1) : [],
    costs: [],
    limits,
    changes: [
      ...edits('request', forward.requestHeaders),
      ...edits('response', forward.responseHeaders),
      ...(rewrite?.hostname === undefined ? [] : [`sets host ${rewrite.hostname}`]),
      ...forward.mirrors.map(({ backend, percent }) => `mirrors ${percent}% to ${backend}`),
    ],
  };
}

function describeRedirect(redirect: RedirectIr, request: ClientRequest): string {
  const scheme = redirect.scheme ?? request.scheme ?? 'http';
  const host = redirect.hostname ?? (request.host || 'HOST');
  const port = redirect.port ?? (redirect.scheme === undefined ? request.port : undefined);
  const isUsual = port === undefined || port === (scheme === 'https' ? 443 : 80);
  return `${scheme}://${host}${isUsual ? '' : `:${port}`}${replacePath(redirect.path, request.path)}`;
}
