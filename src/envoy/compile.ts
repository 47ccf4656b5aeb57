import type { BackendIr, GatewayIr, InferenceRuleIr, MirrorIr, SecretValues } from '../ir/index.ts';
import { type Finding, sortFindings } from '../lib/findings.ts';
import { alwaysNeedsTranslation } from '../providers/index.ts';
import { translatedFamilies } from './api-classes.ts';
import { emitSigning } from './aws-signing.ts';
import { backendNeeds } from './backend-needs.ts';
import { type Capabilities, isOlder } from './capabilities.ts';
import { clusterName, mirrorClusterName } from './cluster-name.ts';
import { emitCluster } from './clusters.ts';
import { costProblem } from './cost-facts.ts';
import { emitEndpoints, usesEds } from './endpoints.ts';
import { asksService, withoutService } from './limits.ts';
import { emitListener } from './listeners.ts';
import { attemptResources } from './older/attempts.ts';
import { prefixedSecrets } from './older/cluster-filters.ts';
import { mirrorEntrance } from './older/mirror.ts';
import { needsAttempts } from './older/route.ts';
import { type CompileOptions, doesTranslate } from './options.ts';
import { withoutPending } from './pending-credentials.ts';
import { inferenceRules, plainBackends, plainClusterName } from './plain-backends.ts';
import { priceFindings } from './prices.ts';
import { processorCluster } from './processor-cluster.ts';
import { rateLimitCluster } from './rate-limit-cluster.ts';
import { reducedLimits, reserveFindings } from './reduced-limits.ts';
import type { EnvoyResource } from './resource.ts';
import { emitRoutes } from './routes.ts';
import { runtimeLayer } from './runtime.ts';
import { emitSecret } from './secrets.ts';
import { sentinelListener } from './sentinel.ts';
import { sentinelSecret } from './sentinel-certificate.ts';

/** All resources of one gateway for Envoys of one set of capabilities. */
export interface CompiledGateway {
  /** In order of type and name. */
  readonly resources: readonly EnvoyResource[];
  readonly findings: readonly Finding[];
}

export function compileGateway(
  configured: GatewayIr,
  secrets: SecretValues,
  capabilities: Capabilities,
  options: CompileOptions,
): CompiledGateway {
  const [served, unlimited] = withoutService(withoutPending(configured, secrets), options);
  const [gateway, reduced] = reducedLimits(served, capabilities);
  const rules = inferenceRules(gateway);
  const plain = plainBackends(gateway, rules);
  const backends = [...gateway.backends, ...repeatedBackends(gateway, rules)];
  const byName = new Map(backends.map((backend) => [backend.name, backend]));
  // Routes to the others are answered with 501, so their clusters would have no use.
  const usable = backends.filter((backend) =>
    backendNeeds(backend, capabilities).every((need) => capabilities.features.has(need)),
  );
  const older = isOlder(capabilities);
  const canMirror = !older || capabilities.features.has('internal_listener');
  const failOver = backendsThatFailOver(rules);
  const resources: EnvoyResource[] = [];
  const findings: Finding[] = [
    ...unlimited,
    ...reduced,
    ...reserveFindings(gateway),
    ...rules.flatMap(costFindings),
    ...gateway.backends.flatMap(quotaFindings),
    ...missingPrices(gateway, byName),
    ...untranslated(rules, byName, options),
  ];
  for (const usableBackend of usable) {
    const isPlain = plain.has(usableBackend.name);
    const backend = isPlain ? { ...usableBackend, name: plainClusterName(usableBackend.name) } : usableBackend;
    const failsOver = failOver.has(backend.name);
    const withSentinel = failsOver && !older;
    resources.push(emitCluster(backend, { failsOver, withSentinel, isPlain }, capabilities, options));
    if (usesEds(backend)) resources.push(emitEndpoints(backend, withSentinel, options));
  }
  for (const { rule, backend } of canMirror ? mirrored(rules, usable) : []) {
    resources.push(emitCluster(backend, { isMirror: true }, capabilities, options));
    if (older) resources.push(mirrorEntrance(rule, backend, gateway, capabilities, options));
    if (usesEds(backend)) resources.push(emitEndpoints(backend, false, options));
  }
  for (const listener of gateway.listeners) {
    resources.push(emitListener(listener, gateway, capabilities));
    for (const chain of listener.chains) {
      const routes = emitRoutes(chain, { gateway, backends: byName, plain, capabilities, options });
      resources.push(routes.resource);
      findings.push(...routes.findings);
    }
  }
  for (const secret of gateway.secrets) if (secret.kind !== 'aws') resources.push(emitSecret(secret, secrets));
  if (older) resources.push(...prefixedSecrets(usable, secrets, capabilities));
  const translates = usable.some((backend) => needsProcessor(backend, capabilities, options));
  if (older && capabilities.features.has('internal_listener') && (translates || needsAttempts(rules, byName)))
    resources.push(...attemptResources(gateway, capabilities, translates));
  resources.push(...emitSigning(usable, secrets, capabilities));
  if (options.processor && translates) resources.push(...processorCluster(options.processor));
  if (options.rateLimit && asksService(gateway)) resources.push(...rateLimitCluster(options.rateLimit));
  if (!older && usable.some(({ name }) => failOver.has(name)))
    resources.push(sentinelListener(options.sentinelPort), sentinelSecret());
  resources.push(runtimeLayer(capabilities));
  return { resources: inOrder(resources), findings: sortFindings(findings) };
}

function needsProcessor({ provider }: BackendIr, capabilities: Capabilities, options: CompileOptions): boolean {
  return provider !== undefined && doesTranslate(capabilities, options) && translatedFamilies(provider).length > 0;
}

/** Backends that serve nothing without translation, where there is none. */
function untranslated(
  rules: readonly InferenceRuleIr[],
  backends: ReadonlyMap<string, BackendIr>,
  { processor }: CompileOptions,
): Finding[] {
  return rules.flatMap((rule) =>
    [...rule.backends, ...(rule.mirror ? [rule.mirror] : [])].flatMap((ref): Finding[] => {
      const backend = backends.get(ref.backend);
      if (!backend?.provider || !alwaysNeedsTranslation(backend.provider.schema)) return [];
      if (processor && translatedFamilies(backend.provider).length > 0) return [];
      const why = processor ? 'to which nothing is translated' : 'which needs translation; there is no processor';
      const message = `AIServiceBackend ${backend.displayName} speaks ${backend.provider.schema}, ${why}`;
      return [{ code: 'HG0303', level: 'error', message, object: `AIGatewayRoute/${rule.route}` }];
    }),
  );
}

const TYPE_ORDER = { secret: 0, extension: 1, cluster: 2, endpoints: 3, listener: 4, route: 5, runtime: 6 } as const;

function inOrder(resources: readonly EnvoyResource[]): EnvoyResource[] {
  return [...resources].sort((a, b) => {
    if (a.type !== b.type) return TYPE_ORDER[a.type] - TYPE_ORDER[b.type];
    return a.name < b.name ? -1 : 1;
  });
}

function costFindings(rule: InferenceRuleIr): Finding[] {
  return rule.costs.flatMap((cost): Finding[] => {
    const problem = costProblem(cost);
    if (problem === undefined) return [];
    const message = `the cost "${cost.metadataKey}" cannot be computed inside Envoy and is left out: ${problem}`;
    return [
      {
        code: 'HG0501',
        level: 'error',
        message,
        object: `AIGatewayRoute/${rule.route}`,
        field: 'spec.llmRequestCosts',
      },
    ];
  });
}

/** Each once, however many listeners have the route. */
function missingPrices({ listeners }: GatewayIr, backends: ReadonlyMap<string, BackendIr>): Finding[] {
  const found = new Map<string, Finding>();
  for (const route of listeners.flatMap(({ chains }) =>
    chains.flatMap(({ hosts }) => hosts.flatMap((h) => h.routes)),
  )) {
    if (route.action.kind !== 'inference') continue;
    for (const finding of priceFindings(route, route.action.rule, backends)) {
      found.set(`${finding.object} ${finding.message}`, finding);
    }
  }
  return [...found.values()];
}

function quotaFindings({ quotas = [], displayName }: BackendIr): Finding[] {
  return quotas.flatMap(({ cost, reserve, buckets }): Finding[] => {
    const all = [cost, ...(reserve?.kind === 'estimate' ? [reserve.cost] : [])];
    const problem = all.map((value) => costProblem({ metadataKey: 'quota', value })).find((one) => one !== undefined);
    if (problem === undefined) return [];
    const message = `the cost of a quota of ${displayName} cannot be computed inside Envoy; tokens are counted: ${problem}`;
    return [{ code: 'HG0501', level: 'error', message, object: buckets[0]?.origin.object ?? '', field: 'spec' }];
  });
}

/** Backends that a rule names more than once, under the names of their further clusters (see `clusterName`). */
function repeatedBackends(gateway: GatewayIr, rules: readonly InferenceRuleIr[]): BackendIr[] {
  const byName = new Map(gateway.backends.map((backend) => [backend.name, backend]));
  const repeated = new Map<string, BackendIr>();
  for (const rule of rules) {
    for (const ref of rule.backends) {
      const name = clusterName(rule, ref);
      const backend = byName.get(ref.backend);
      // A rule that listeners serve under different policies is there more than once.
      if (backend && name !== backend.name) repeated.set(name, { ...backend, name });
    }
  }
  return [...repeated.values()];
}

/** The backends that get copies of requests, under the names of their clusters. */
function mirrored(
  rules: readonly InferenceRuleIr[],
  usable: readonly BackendIr[],
): { rule: InferenceRuleIr & { mirror: MirrorIr }; backend: BackendIr }[] {
  const mirrors = new Map<string, { rule: InferenceRuleIr & { mirror: MirrorIr }; backend: BackendIr }>();
  for (const { mirror, ...rule } of rules) {
    const backend = mirror && usable.find(({ name }) => name === mirror.backend);
    if (!mirror || !backend) continue;
    const name = mirrorClusterName(rule, mirror);
    mirrors.set(name, { rule: { ...rule, mirror }, backend: { ...backend, name } });
  }
  return [...mirrors.values()];
}

/** Clusters behind which a request can go on to another one. */
function backendsThatFailOver(rules: readonly InferenceRuleIr[]): Set<string> {
  const names = new Set<string>();
  for (const rule of rules) {
    if (rule.backends.length < 2) continue;
    for (const ref of rule.backends) names.add(clusterName(rule, ref));
  }
  return names;
}
