import { compileCost } from '../lib/cel.ts';
import type { FieldPath } from '../lib/findings.ts';
import { aiServiceBackendKind, type LoadedObject, type QuotaPolicy, quotaPolicyKind } from '../resources/index.ts';
import type { Context } from './context.ts';
import { validOf } from './objects.ts';

/** Checks what QuotaPolicies say. Nothing counts them yet, and that is said too. */
export function checkQuotas(context: Context): void {
  for (const policy of validOf(context.index, quotaPolicyKind)) {
    context.report.warning('HG0111', policy, ['spec'], 'quotas are accepted, but not enforced yet');
    checkTargets(policy, context);
    const { serviceQuota, perModelQuotas = [] } = policy.object.spec;
    checkCost(serviceQuota?.costExpression, policy, ['spec', 'serviceQuota'], context);
    for (const [i, { quota }] of perModelQuotas.entries()) {
      checkCost(quota.costExpression, policy, ['spec', 'perModelQuotas', i, 'quota'], context);
    }
  }
}

function checkTargets(policy: LoadedObject<QuotaPolicy>, { index, report }: Context): void {
  const { namespace } = policy.id;
  for (const [i, { name }] of (policy.object.spec.targetRefs ?? []).entries()) {
    if (index.find(aiServiceBackendKind, namespace, name)) continue;
    const hint = index.hint(aiServiceBackendKind, namespace, name);
    report.warning('HG0205', policy, ['spec', 'targetRefs', i, 'name'], `no AIServiceBackend ${JSON.stringify(name)}`, {
      hint,
    });
  }
}

function checkCost(expression: string | undefined, at: LoadedObject, path: FieldPath, { report }: Context): void {
  if (expression === undefined || expression === '') return;
  const compiled = compileCost(expression);
  if (!compiled.ok) report.error('HG0501', at, [...path, 'costExpression'], compiled.message);
}
