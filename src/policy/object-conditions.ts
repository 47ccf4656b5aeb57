import type { Finding } from '../lib/findings.ts';
import {
  aiGatewayRouteKind,
  aigatewayKinds,
  backendKind,
  formatObjectId,
  httpRouteKind,
  type LoadedObject,
} from '../resources/index.ts';
import { type Conditions, describe } from './conditions.ts';
import type { Context } from './context.ts';
import type { Attachment } from './gateways/attach.ts';

/** Reasons of `ResolvedRefs` by the finding that tells of it. */
const REFERENCE_REASONS: Partial<Record<Finding['code'], string>> = {
  HG0103: 'BackendNotFound',
  HG0201: 'RefNotPermitted',
  HG0207: 'InvalidKind',
  HG0304: 'BackendNotFound',
};

/** What findings say about objects, in the form of conditions. `findings`: those of schemas and of policy. */
export function concludeConditions(
  findings: readonly Finding[],
  attachments: readonly Attachment[],
  { index }: Context,
  conditions: Conditions,
): void {
  const errors = new Map<string, Finding[]>();
  for (const finding of findings) {
    if (finding.level !== 'error' || finding.object === undefined) continue;
    const list = errors.get(finding.object);
    if (list) list.push(finding);
    else errors.set(finding.object, [finding]);
  }
  const errorsOf = (loaded: LoadedObject): readonly Finding[] => errors.get(formatObjectId(loaded.id)) ?? [];
  for (const kind of aigatewayKinds) {
    for (const loaded of index.all(kind)) acceptAiObject(loaded, errorsOf(loaded), conditions);
  }
  for (const loaded of index.all(backendKind)) {
    const own = errorsOf(loaded);
    conditions.add(loaded, 'Accepted', own.length === 0, own.length === 0 ? 'Accepted' : 'Invalid', describe(own));
  }
  const seen = new Set<string>();
  for (const { route, gateway } of attachments) {
    const key = `${route.name} ${gateway.name}`;
    if (seen.has(key)) continue;
    seen.add(key);
    resolveRefs(route.loaded, errorsOf(route.loaded), gateway.name, conditions);
  }
}

/** These kinds have one condition, whose type is the verdict. */
function acceptAiObject(loaded: LoadedObject, errors: readonly Finding[], conditions: Conditions): void {
  const own = loaded.id.kind === aiGatewayRouteKind.kind ? errors.filter((one) => !isReference(one)) : errors;
  if (own.length === 0) conditions.add(loaded, 'Accepted', true, 'ReconciliationSucceeded', '');
  else conditions.add(loaded, 'NotAccepted', false, 'ReconciliationFailed', describe(own));
}

function resolveRefs(loaded: LoadedObject, errors: readonly Finding[], parent: string, conditions: Conditions): void {
  const own = errors.filter(isReference);
  const code = own[0]?.code;
  const reason = code === undefined ? 'ResolvedRefs' : (REFERENCE_REASONS[code] ?? 'BackendNotFound');
  conditions.add(loaded, 'ResolvedRefs', own.length === 0, reason, describe(own), { parent });
}

function isReference({ code, field }: Finding): boolean {
  return REFERENCE_REASONS[code] !== undefined && (field?.startsWith('spec.rules') ?? false);
}

/** Kinds of routes, for listeners that say which they support. */
export const ROUTE_KINDS = [httpRouteKind, aiGatewayRouteKind].map(({ group, kind }) => ({ group, kind }));
