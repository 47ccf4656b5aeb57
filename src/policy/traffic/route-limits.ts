import { type CostIr, countsMoney, type LimitIr, type LimitsIr, type LocalLimitIr } from '../../ir/index.ts';
import { formatObjectId } from '../../resources/index.ts';
import type { GatewayState } from '../gateways/gateways.ts';
import { keyOf } from '../objects.ts';
import type { Report } from '../report.ts';
import type { RouteSource, RuleSource } from '../routes/routes.ts';
import type { LimitRule } from './rate-limits.ts';
import { COST_NAMESPACE, type Reservation, reserveOf } from './reservations.ts';
import type { EffectivePolicy, LimitsOwner } from './traffic-policies.ts';

/** Where a limit applies: each rule of a route counts by itself, on each Gateway. */
export interface LimitedRule {
  readonly gateway: GatewayState;
  readonly route: RouteSource;
  readonly rule: RuleSource;
  /** What its requests cost; none for an HTTPRoute. */
  readonly costs: readonly CostIr[];
}

/** The limits of a rule under its policy; `broken` where one of them cannot be used. */
export function routeLimits(
  policy: EffectivePolicy | undefined,
  where: LimitedRule,
  report: Report,
): LimitsIr | 'broken' | undefined {
  if (!policy) return undefined;
  const { globalLimits, localLimits } = policy;
  if (globalLimits?.limits.isWhole === false || localLimits?.limits.isWhole === false) return 'broken';
  const global = globalLimits ? globalLimits.limits.global.map((rule) => limitOf(globalLimits, rule, where)) : [];
  const local = localLimits ? localLimits.limits.local.map((rule) => localLimitOf(localLimits, rule, where)) : [];
  if (globalLimits) {
    warnEstimates(globalLimits, where, report);
    warnMissingCosts(globalLimits, where, report);
  }
  return global.length + local.length === 0 ? undefined : { global, local };
}

/** Whether a limit charges what a route's answers cost in money. */
export function chargesMoney({ global }: LimitsIr, costs: readonly CostIr[]): boolean {
  const money = costs.filter(({ value }) => countsMoney(value)).map(({ metadataKey }) => metadataKey);
  return global.some(
    ({ response }) =>
      response?.kind === 'metadata' &&
      response.metadata.namespace === COST_NAMESPACE &&
      money.includes(response.metadata.key),
  );
}

function limitOf({ policy }: LimitsOwner, limit: LimitRule, where: LimitedRule): LimitIr {
  const { index, field, shared, response, reservation, ...rest } = limit;
  const reserve = response && reservation && isReserved(reservation, where);
  return {
    name: nameOf(policy, index, where, shared),
    origin: { object: formatObjectId(policy.id), field },
    ...rest,
    ...(response && { response }),
    ...(reserve && { reserve: reserveOf(reservation, response, where.costs) }),
  };
}

/** The script makes estimates, and only requests for inference pass it. */
function isReserved({ kind }: Reservation, { route }: LimitedRule): boolean {
  return kind === 'number' || route.isInference;
}

function warnEstimates({ policy, limits }: LimitsOwner, where: LimitedRule, report: Report): void {
  for (const { reservation } of limits.global) {
    if (!reservation || isReserved(reservation, where)) continue;
    const message = `HTTPRoute ${keyOf(where.route.loaded)} reserves nothing: only an AIGatewayRoute has estimates`;
    const hint = 'reserve a number';
    const path = ['metadata', 'annotations', reservation.annotation];
    report.warning('HG0503', policy, path, message, { hint });
  }
}

function localLimitOf({ policy }: LimitsOwner, limit: LimitRule, where: LimitedRule): LocalLimitIr {
  const { index, entries, amount, request } = limit;
  return {
    name: nameOf(policy, index, where, false),
    entries,
    amount,
    hits: request.kind === 'number' ? request.number : 1,
  };
}

function nameOf(
  policy: LimitsOwner['policy'],
  index: number,
  { gateway, route, rule }: LimitedRule,
  shared: boolean,
): string {
  const name = `${gateway.name}/BackendTrafficPolicy/${keyOf(policy)}/rule/${index}`;
  return shared ? name : `${name}/${route.name}/rule/${rule.index}`;
}

/** A limit that charges what its route does not compute would charge nothing. */
function warnMissingCosts({ policy, limits }: LimitsOwner, { route, costs }: LimitedRule, report: Report): void {
  if (!route.isInference) return;
  for (const { field, response } of limits.global) {
    if (response?.kind !== 'metadata' || response.metadata.namespace !== COST_NAMESPACE) continue;
    const { key } = response.metadata;
    if (costs.some(({ metadataKey }) => metadataKey === key)) continue;
    const message = `AIGatewayRoute ${keyOf(route.loaded)} has no cost ${JSON.stringify(key)}, so it charges nothing`;
    const hint = 'add it to llmRequestCosts of the route';
    report.warning('HG0503', policy, [...field, 'cost', 'response', 'metadata', 'key'], message, { hint });
  }
}
