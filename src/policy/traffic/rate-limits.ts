import type { BucketEntryIr, HitsIr, LimitUnit, MetadataKeyIr } from '../../ir/index.ts';
import type { FieldPath } from '../../lib/findings.ts';
import type { BackendTrafficPolicy, LoadedObject, RateLimitCostValue, RateLimitRule } from '../../resources/index.ts';
import type { Report } from '../report.ts';
import { readSelectors } from './client-selectors.ts';
import { canReserve, type Reservation, type Reservations, readReservations, readWindow } from './reservations.ts';

/** A rule of a policy, before it is known where it applies. */
export interface LimitRule {
  readonly index: number;
  readonly field: FieldPath;
  readonly entries: readonly BucketEntryIr[];
  readonly amount: { readonly requests: number; readonly unit: LimitUnit };
  readonly shadow: boolean;
  readonly shared: boolean;
  readonly request: HitsIr;
  readonly response?: HitsIr;
  readonly reservation?: Reservation;
  readonly override?: MetadataKeyIr;
  readonly hideHeaders?: true;
  readonly sliding?: true;
}

/** What a policy limits. `isWhole` is false where a rule cannot be used: its routes would serve what nobody counts. */
export interface PolicyLimits {
  readonly global: readonly LimitRule[];
  readonly local: readonly LimitRule[];
  readonly isWhole: boolean;
}

type Policy = LoadedObject<BackendTrafficPolicy>;

/** Reads the limits of a policy, once, with findings. */
export function readRateLimits(policy: Policy, report: Report): PolicyLimits {
  const { rateLimit } = policy.object.spec;
  if (!rateLimit) return { global: [], local: [], isWhole: true };
  const reservations = readReservations(policy, report);
  const window = readWindow(policy, report);
  const read = (kind: 'global' | 'local'): (LimitRule | undefined)[] =>
    (rateLimit[kind]?.rules ?? []).map((rule, index) => {
      const limit = readRule(policy, rule, index, ['spec', 'rateLimit', kind, 'rules', index], report);
      return limit && kind === 'global' ? { ...limit, ...window, ...reservationOf(limit, reservations) } : limit;
    });
  const global = read('global');
  const local = read('local');
  local.forEach((rule) => {
    if (rule) warnLocal(policy, rule, report);
  });
  warnReservations(policy, reservations, global, report);
  return {
    global: global.filter((rule) => rule !== undefined),
    local: local.filter((rule) => rule !== undefined && !rule.shadow) as LimitRule[],
    isWhole: reservations.isWhole && ![...global, ...local].includes(undefined),
  };
}

function readRule(
  policy: Policy,
  rule: RateLimitRule,
  index: number,
  field: FieldPath,
  report: Report,
): LimitRule | undefined {
  const { clientSelectors = [], cost, limit, shadowMode, shared, xRateLimitHeaders } = rule;
  const entries = readSelectors(clientSelectors, policy, [...field, 'clientSelectors'], report);
  const request = readHits(cost?.request, policy, [...field, 'cost', 'request'], report) ?? ONE;
  const response = readHits(cost?.response, policy, [...field, 'cost', 'response'], report);
  if (!entries || request === 'invalid' || response === 'invalid') return undefined;
  return {
    index,
    field,
    entries,
    amount: { requests: Number(limit.requests), unit: limit.unit.toLowerCase() as LimitUnit },
    shadow: shadowMode === true,
    shared: shared === true,
    request,
    ...(response && { response }),
    ...(limit.fromMetadata && { override: limit.fromMetadata }),
    ...(xRateLimitHeaders === 'Off' && { hideHeaders: true as const }),
  };
}

const ONE: HitsIr = { kind: 'number', number: 1 };
/** What Envoy takes as a number of hits. */
const MAX_HITS = 1_000_000_000;

function readHits(
  cost: RateLimitCostValue | undefined,
  policy: Policy,
  path: FieldPath,
  report: Report,
): HitsIr | 'invalid' | undefined {
  if (!cost) return undefined;
  if (cost.from === 'Metadata') {
    if (cost.metadata) return { kind: 'metadata', metadata: cost.metadata };
    report.error('HG0502', policy, path, 'from Metadata needs metadata');
    return 'invalid';
  }
  const number = Number(cost.number ?? 1);
  if (number >= 0 && number <= MAX_HITS) return { kind: 'number', number };
  report.error('HG0502', policy, [...path, 'number'], `must be a number from 0 to ${MAX_HITS}`);
  return 'invalid';
}

function warnLocal(policy: Policy, { field, shadow, shared, request, override }: LimitRule, report: Report): void {
  const warn = (name: string, message: string): void => report.warning('HG0503', policy, [...field, name], message);
  if (shadow) warn('shadowMode', 'a local limit has no shadow mode; it is left out');
  if (shared) warn('shared', 'a local limit is of one route of one Envoy');
  if (request.kind !== 'number') warn('cost', 'a local limit counts requests');
  if (override) warn('limit', 'a local limit has no fromMetadata');
}

function reservationOf({ index, response }: LimitRule, { ofRule }: Reservations): { reservation?: Reservation } {
  const reservation = ofRule(index);
  return reservation && response && canReserve(reservation, response) ? { reservation } : {};
}

function warnReservations(
  policy: Policy,
  { all }: Reservations,
  rules: readonly (LimitRule | undefined)[],
  report: Report,
): void {
  for (const { reservation, index } of all) {
    if (rules.some((rule) => rule?.reservation === reservation)) continue;
    const why =
      index !== undefined && index >= rules.length
        ? 'there is no such global rule'
        : `${index === undefined ? 'no global rule has a' : 'the rule has no'} cost.response that it could stand for`;
    const path = ['metadata', 'annotations', reservation.annotation];
    report.warning('HG0503', policy, path, `nothing is reserved: ${why}`);
  }
  const specs = policy.object.spec.rateLimit?.global?.rules ?? [];
  for (const rule of rules) {
    if (!rule?.reservation || specs[rule.index]?.cost?.request) continue;
    const message = 'each request takes 1 beside what it reserves, and that is not given back';
    const hint = 'without cost.request it is 1; set cost.request to {from: Number, number: 0}';
    report.warning('HG0503', policy, [...rule.field, 'cost'], message, { hint });
  }
}
