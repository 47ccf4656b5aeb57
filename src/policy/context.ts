import type { EndpointPrefixes } from '../ir/index.ts';
import type { FieldPath } from '../lib/findings.ts';
import { isValidOf, type Kind, type LoadedObject, type ObjectOf } from '../resources/index.ts';
import type { ObjectIndex } from './objects.ts';
import type { Grants } from './references.ts';
import type { Report } from './report.ts';
import type { SecretStore } from './secrets.ts';

/** What the caller decides. */
export interface TranslateOptions {
  /** Controller whose GatewayClasses are served, beside the ones that existing files name. */
  readonly controllerName: string;
  readonly endpointPrefixes: EndpointPrefixes;
  /** Larger request bodies get 413, unless a Gateway says otherwise. */
  readonly maxRequestBodyBytes: number;
}

/** What every part of policy reads and reports to. */
export interface Context {
  readonly index: ObjectIndex;
  readonly grants: Grants;
  readonly report: Report;
  readonly secrets: SecretStore;
  readonly options: TranslateOptions;
}

/** Names an object: in the namespace of the object that refers to it, unless it says otherwise. */
export interface NamedReference {
  readonly name: string;
  readonly namespace?: string;
}

/**
 * Follows a reference, with a finding where it leads nowhere. What it finds may be refused by its schema.
 * Errors: undefined for a target that is missing or not granted.
 */
export function followReference(
  { index, grants, report }: Context,
  from: LoadedObject,
  path: FieldPath,
  kind: Kind,
  ref: NamedReference,
): LoadedObject | undefined {
  const namespace = ref.namespace ?? from.id.namespace;
  // The grant comes first: without it, a reference must not even tell whether its target exists.
  if (!grants.permits(from.id, kind, namespace, ref.name)) {
    const message = `no ReferenceGrant in ${namespace} allows this reference to ${kind.kind} ${ref.name}`;
    const hint = `add a ReferenceGrant to namespace ${namespace}, from ${from.id.kind} of ${from.id.namespace}`;
    report.error('HG0201', from, path, message, { hint });
    return undefined;
  }
  const found = index.find(kind, namespace, ref.name);
  if (found) return found;
  const where = namespace === from.id.namespace ? '' : ` in namespace ${namespace}`;
  report.error('HG0103', from, [...path, 'name'], `no ${kind.kind} ${JSON.stringify(ref.name)}${where}`, {
    hint: index.hint(kind, namespace, ref.name),
  });
  return undefined;
}

/** Follows a reference to an object that is valid; one that is not has findings of its own. */
export function resolveReference<K extends Kind>(
  context: Context,
  from: LoadedObject,
  path: FieldPath,
  kind: K,
  ref: NamedReference,
): LoadedObject<ObjectOf<K>> | undefined {
  const found = followReference(context, from, path, kind, ref);
  return found && isValidOf(found, kind) ? found : undefined;
}
