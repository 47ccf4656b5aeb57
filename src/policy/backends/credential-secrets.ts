import type { FieldPath } from '../../lib/findings.ts';
import { type LoadedObject, type Secret, secretKind } from '../../resources/index.ts';
import { type Context, resolveReference } from '../context.ts';
import { isKind } from '../objects.ts';
import { readSecretText } from '../secrets.ts';

/** A reference of a policy to a Secret. */
export interface SecretReference {
  readonly group: string;
  readonly kind: string;
  readonly name: string;
  readonly namespace?: string;
}

/** A part of a credential, with the Secret that it stands in. */
export interface CredentialText {
  readonly text: string;
  readonly found: LoadedObject<Secret>;
  /** Where it stands in the Secret. */
  readonly at: FieldPath;
}

/** A text under one key of the Secret that a policy names. Errors: undefined, with a finding, where there is none. */
export function readCredentialSecret(
  policy: LoadedObject,
  path: FieldPath,
  ref: SecretReference,
  key: string,
  context: Context,
): CredentialText | undefined {
  const { report } = context;
  if (!isKind(ref, secretKind)) {
    report.error('HG0207', policy, path, `a credential must be in a Secret, not in a ${ref.kind}`);
    return undefined;
  }
  const found = resolveSecret(policy, path, ref, context);
  if (!found) return undefined;
  const read = readSecretText(found.object, key);
  if (!read.ok) {
    report.error('HG0401', policy, path, `Secret ${ref.name} ${read.problem}`, { hint: `it goes under ${key}` });
    return undefined;
  }
  const { stringData } = found.object;
  const at = [stringData && Object.hasOwn(stringData, key) ? 'stringData' : 'data', key];
  if (read.value.trim() !== '') return { text: read.value, found, at };
  report.error('HG0401', found, at, 'the credential is empty');
  return undefined;
}

/** A credential that is missing has a code of its own. */
function resolveSecret(
  policy: LoadedObject,
  path: FieldPath,
  ref: SecretReference,
  context: Context,
): LoadedObject<Secret> | undefined {
  const namespace = ref.namespace ?? policy.id.namespace;
  const { grants, index, report } = context;
  if (grants.permits(policy.id, secretKind, namespace, ref.name) && !index.find(secretKind, namespace, ref.name)) {
    const message = `no Secret ${JSON.stringify(ref.name)} in namespace ${namespace}`;
    report.error('HG0401', policy, [...path, 'name'], message, { hint: index.hint(secretKind, namespace, ref.name) });
    return undefined;
  }
  return resolveReference(context, policy, path, secretKind, ref);
}
