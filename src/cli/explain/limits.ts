/** Which limits and quotas a request would meet, in words. */
import { RE2JS } from 're2js';
import type {
  BucketEntryIr,
  BucketIr,
  CostIr,
  LimitIr,
  LocalLimitIr,
  QuotaIr,
  ReserveIr,
  RouteIr,
} from '../../ir/index.ts';
import { formatFieldPath } from '../../lib/findings.ts';
import type { LimitExplanation } from './explanation.ts';
import type { ClientRequest } from './request.ts';

/** The limits of a route: those that the request meets, and why it does not meet the others. */
export function explainLimits({ limits }: RouteIr, request: ClientRequest): LimitExplanation[] {
  return [
    ...(limits?.global ?? []).map((limit) => explainGlobal(limit, request)),
    ...(limits?.local ?? []).map((limit) => explainLocal(limit, request)),
  ];
}

/** The quota of a backend that counts for a model. */
export function explainQuotas(
  quotas: readonly QuotaIr[],
  model: string | undefined,
  request: ClientRequest,
): LimitExplanation[] {
  const own = quotas.find((quota) => quota.model === model) ?? quotas.find((quota) => quota.model === undefined);
  if (!own) return [];
  return own.buckets.map((bucket) => ({
    ...place(bucket),
    ...meeting(bucket, request),
    ...(bucket.shadow && { shadow: true }),
    counts: [
      ...(own.reserve ? [`reserves ${describeReserve(own.reserve)}`] : []),
      `charges ${describeCost(own.cost)} when the answer has ended`,
      ...(bucket.sliding ? ['in a sliding window'] : []),
    ],
  }));
}

function explainGlobal(limit: LimitIr, request: ClientRequest): LimitExplanation {
  const { request: arrival, response, reserve, override, shadow, sliding } = limit;
  const hits = arrival.kind === 'number' ? arrival.number : undefined;
  return {
    ...place(limit),
    ...meeting(limit, request),
    ...(shadow && { shadow: true }),
    counts: [
      ...(reserve ? [`reserves ${describeReserve(reserve)}`] : []),
      ...(reserve && hits === 0
        ? []
        : [hits === 0 ? 'asks for room' : `takes ${hits ?? 'what metadata says'} on arrival`]),
      ...(response ? [`charges ${describeHits(response)} when the answer has ended`] : []),
      ...(override ? [`another limit where metadata ${override.namespace} ${override.key} has one`] : []),
      ...(sliding ? ['in a sliding window'] : []),
    ],
  };
}

function explainLocal({ name, entries, amount, hits }: LocalLimitIr, request: ClientRequest): LimitExplanation {
  const { requests, unit } = amount;
  const limit = `${requests} a ${unit} in each Envoy`;
  return { limit, source: name, ...meeting({ entries }, request), counts: [`takes ${hits} on arrival`] };
}

function place({ origin, amount }: BucketIr): Pick<LimitExplanation, 'limit' | 'source'> {
  return {
    limit: `${amount.requests} a${amount.unit === 'hour' ? 'n' : ''} ${amount.unit}`,
    source: `${origin.object}: ${formatFieldPath(origin.field)}`,
  };
}

function describeReserve(reserve: ReserveIr): string {
  if (reserve.kind === 'number') return String(reserve.number);
  const output =
    reserve.output === undefined
      ? 'of the prompt alone'
      : `with the request's maximum of output, else ${reserve.output}`;
  return `${describeCost(reserve.cost)}, estimated ${output}`;
}

function describeHits(hits: NonNullable<LimitIr['response']>): string {
  return hits.kind === 'number' ? String(hits.number) : `${hits.metadata.namespace} ${hits.metadata.key}`;
}

function describeCost(cost: CostIr['value']): string {
  return cost.kind === 'count' ? `${cost.count} tokens` : cost.expression;
}

/** Whose bucket it is, or why the request has none. */
function meeting(
  { entries }: Pick<BucketIr, 'entries'>,
  request: ClientRequest,
): Pick<LimitExplanation, 'bucket' | 'missed'> {
  const missed = entries.flatMap((entry) => mismatch(entry, request) ?? []);
  if (missed.length > 0) return { missed };
  const own = entries.flatMap((entry) => whose(entry, request) ?? []);
  return { bucket: own.length === 0 ? 'of all' : `of ${own.join(', ')}` };
}

function whose(entry: BucketEntryIr, { headers, query }: ClientRequest): string | undefined {
  if (entry.kind === 'address') return 'the address of the client';
  if (entry.kind === 'address_match') return `clients ${entry.invert ? 'outside' : 'inside'} ${entry.cidr}`;
  // The value may prove who the client is.
  if (entry.kind === 'header' && headers.has(entry.name)) return `the value of header ${entry.name}`;
  if (entry.kind === 'query' && query.has(entry.name)) return `the value of query parameter ${entry.name}`;
  return undefined;
}

function mismatch(entry: BucketEntryIr, request: ClientRequest): string | undefined {
  switch (entry.kind) {
    case 'address':
    case 'address_match':
      return undefined;
    case 'header':
      return request.headers.has(entry.name) ? undefined : `no header ${entry.name}`;
    case 'query':
      return request.query.has(entry.name) ? undefined : `no query parameter ${entry.name}`;
    default:
      return holds(entry, subjectOf(entry, request)) ? undefined : `wants ${describeCondition(entry)}`;
  }
}

type Condition = Extract<BucketEntryIr, { type: string }>;

function subjectOf(entry: Condition, { method, path, headers, query }: ClientRequest): string | undefined {
  if (entry.kind === 'path_match') return path;
  if (entry.kind === 'query_match') return query.get(entry.name);
  return entry.name === ':method' ? method : headers.get(entry.name);
}

function holds({ type, value, invert }: Condition, subject: string | undefined): boolean {
  const matches =
    subject !== undefined &&
    (type === 'exact'
      ? subject === value
      : type === 'prefix'
        ? subject.startsWith(value)
        : matchesWhole(value, subject));
  return matches !== invert;
}

function matchesWhole(pattern: string, subject: string): boolean {
  return RE2JS.compile(pattern).matches(subject);
}

function describeCondition(entry: Condition): string {
  const what =
    entry.kind === 'path_match'
      ? 'path'
      : `${entry.kind === 'query_match' ? 'query parameter' : 'header'} ${entry.name}`;
  return `${what} ${entry.invert ? 'not ' : ''}${entry.type === 'exact' ? '=' : `${entry.type} of`} ${JSON.stringify(entry.value)}`;
}
