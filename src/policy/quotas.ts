import type { BucketIr, CostIr, LimitUnit, QuotaIr } from '../ir/index.ts';
import { compileCost } from '../lib/cel.ts';
import type { FieldPath } from '../lib/findings.ts';
import {
  aiServiceBackendKind,
  formatObjectId,
  isValidOf,
  type LoadedObject,
  type QuotaDefinition,
  type QuotaPolicy,
  type QuotaValue,
  quotaPolicyKind,
} from '../resources/index.ts';
import type { Context } from './context.ts';
import { keyOf } from './objects.ts';
import { fieldsOf, itemsOf, textOf } from './routes/salvage.ts';
import { readSelectors } from './traffic/client-selectors.ts';
import { estimateOf, readReservations, readWindow } from './traffic/reservations.ts';
import type { ModelClaim } from './unasked-models.ts';

/** The quotas of a backend; `broken`: they cannot be used, so nobody would count it. */
export type QuotasOf = (backend: LoadedObject) => readonly QuotaIr[] | 'broken' | undefined;

/** All QuotaPolicies. */
export interface Quotas {
  readonly of: QuotasOf;
  readonly claims: readonly ModelClaim[];
}

type Policy = LoadedObject<QuotaPolicy>;

/** Attaches QuotaPolicies to backends. Buckets are of a backend, whichever Gateways lead to it. */
export function readQuotas(context: Context): Quotas {
  const owners = new Map<string, LoadedObject>();
  const read = new Map<LoadedObject, ReturnType<typeof readPolicy>>();
  for (const policy of context.index.all(quotaPolicyKind)) {
    attach(policy, owners, context);
    // What its schema refuses still says whose use it wanted to bound.
    read.set(policy, isValidOf(policy, quotaPolicyKind) ? readPolicy(policy, context) : 'broken');
  }
  const of: QuotasOf = (backend) => {
    const policy = owners.get(keyOf(backend));
    const templates = policy && read.get(policy);
    if (!policy || !templates || templates === 'broken') return templates;
    const prefix = `AIServiceBackend/${keyOf(backend)}/QuotaPolicy/${keyOf(policy)}`;
    return templates.map((quota) => ({
      ...quota,
      buckets: quota.buckets.map((bucket) => ({ ...bucket, name: `${prefix}/${bucket.name}` })),
    }));
  };
  return { of, claims: [...read.keys()].flatMap((policy) => claimsOf(policy, owners)) };
}

function claimsOf(policy: LoadedObject, owners: ReadonlyMap<string, LoadedObject>): ModelClaim[] {
  if (!isValidOf(policy, quotaPolicyKind)) return [];
  const backends = [...owners].flatMap(([key, owner]) => (owner === policy ? [`AIServiceBackend/${key}`] : []));
  if (backends.length === 0) return [];
  return (policy.object.spec.perModelQuotas ?? []).map(({ modelName: model }, i) => {
    return { what: 'quota', at: policy, path: ['spec', 'perModelQuotas', i, 'modelName'], model, backends };
  });
}

function attach(policy: LoadedObject, owners: Map<string, LoadedObject>, { index, report }: Context): void {
  const { namespace } = policy.id;
  for (const [i, ref] of itemsOf(fieldsOf(fieldsOf(policy.object).spec).targetRefs).entries()) {
    const name = textOf(fieldsOf(ref).name);
    if (name === undefined) continue;
    const path = ['spec', 'targetRefs', i, 'name'];
    const backend = index.find(aiServiceBackendKind, namespace, name);
    if (!backend) {
      const hint = index.hint(aiServiceBackendKind, namespace, name);
      report.warning('HG0205', policy, path, `no AIServiceBackend ${JSON.stringify(name)}`, { hint });
      continue;
    }
    const owner = owners.get(keyOf(backend));
    if (owner && owner !== policy) {
      const message = `AIServiceBackend ${name} already has QuotaPolicy ${owner.id.name}`;
      report.warning('HG0206', policy, path, message, { hint: 'the older policy wins, then the first by name' });
    } else owners.set(keyOf(backend), policy);
  }
}

/** Quotas whose buckets have the end of their names alone. */
function readPolicy(policy: Policy, context: Context): readonly QuotaIr[] | 'broken' {
  const { serviceQuota, perModelQuotas = [] } = policy.object.spec;
  const quotas: (QuotaIr | undefined)[] = [];
  const models = new Set<string>();
  for (const [i, { modelName, quota }] of perModelQuotas.entries()) {
    const path = ['spec', 'perModelQuotas', i];
    if (models.has(modelName)) {
      context.report.warning(
        'HG0503',
        policy,
        [...path, 'modelName'],
        `model ${modelName} stands twice; the first counts`,
      );
      continue;
    }
    models.add(modelName);
    quotas.push(readModel(modelName, quota, `model/${modelName}`, policy, [...path, 'quota'], context));
  }
  if (serviceQuota) {
    const path = ['spec', 'serviceQuota'];
    const { costExpression, quota } = serviceQuota;
    const cost = readCost(costExpression, policy, path, context);
    const bucket = readBucket(quota, 'service', policy, [...path, 'quota'], context);
    quotas.push(cost && bucket && { cost, buckets: [bucket] });
  }
  const { all, isWhole } = readReservations(policy, context.report);
  for (const { reservation, index } of all) {
    if (index === undefined) continue;
    const path = ['metadata', 'annotations', reservation.annotation];
    context.report.warning('HG0503', policy, path, 'quotas have no reservation of one rule alone; it has no effect');
  }
  const reservation = all.find(({ index }) => index === undefined)?.reservation;
  const window = readWindow(policy, context.report);
  const whole = quotas.filter((quota) => quota !== undefined);
  if (!isWhole || whole.length < quotas.length) return 'broken';
  return whole.map((quota) => ({
    ...quota,
    ...(reservation && { reserve: estimateOf(reservation, quota.cost) }),
    buckets: quota.buckets.map((bucket) => ({ ...bucket, ...window })),
  }));
}

function readModel(
  model: string,
  { costExpression, bucketRules = [], defaultBucket }: QuotaDefinition,
  name: string,
  policy: Policy,
  path: FieldPath,
  context: Context,
): QuotaIr | undefined {
  const cost = readCost(costExpression, policy, path, context);
  const buckets = bucketRules.map((rule, i): BucketIr | undefined => {
    const at = [...path, 'bucketRules', i];
    const entries = readSelectors(rule.clientSelectors ?? [], policy, [...at, 'clientSelectors'], context.report);
    const bucket = readBucket(rule.quota, `${name}/rule/${i}`, policy, [...at, 'quota'], context);
    return entries && bucket && { ...bucket, entries, shadow: rule.shadowMode === true };
  });
  if (defaultBucket)
    buckets.push(readBucket(defaultBucket, `${name}/default`, policy, [...path, 'defaultBucket'], context));
  const whole = buckets.filter((bucket) => bucket !== undefined);
  return cost && whole.length === buckets.length ? { model, cost, buckets: whole } : undefined;
}

const UNITS: Readonly<Record<QuotaValue['duration'], LimitUnit>> = {
  '1s': 'second',
  '1m': 'minute',
  '1h': 'hour',
  '1d': 'day',
};
const MAX_LIMIT = 0xffff_ffff;

function readBucket(
  { duration, limit }: QuotaValue,
  name: string,
  policy: Policy,
  field: FieldPath,
  { report }: Context,
): BucketIr | undefined {
  const requests = Number(limit);
  if (!(requests >= 0 && requests <= MAX_LIMIT)) {
    report.error('HG0502', policy, [...field, 'limit'], `must be a number from 0 to ${MAX_LIMIT}`);
    return undefined;
  }
  const origin = { object: formatObjectId(policy.id), field };
  return { name, origin, entries: [], amount: { requests, unit: UNITS[duration] }, shadow: false };
}

function readCost(
  expression: string | undefined,
  at: Policy,
  path: FieldPath,
  { report }: Context,
): CostIr['value'] | undefined {
  if (expression === undefined || expression.trim() === '') return { kind: 'count', count: 'total' };
  const compiled = compileCost(expression);
  if (compiled.ok) return { kind: 'cel', expression };
  report.error('HG0501', at, [...path, 'costExpression'], compiled.message);
  return undefined;
}
