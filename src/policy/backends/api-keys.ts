import type { SecretRef } from '../../ir/index.ts';
import type { FieldPath } from '../../lib/findings.ts';
import type { BackendSecurityPolicy, LoadedObject, Secret } from '../../resources/index.ts';
import type { Context } from '../context.ts';
import { keyOf } from '../objects.ts';
import { readSecretText } from '../secrets.ts';
import { type CredentialText, readCredentialSecret } from './credential-secrets.ts';

type Policy = LoadedObject<BackendSecurityPolicy>;

/** Under which a Secret holds its key; further ones of a pool have a name behind a dot: `apiKey.team-b`. */
const KEY = 'apiKey';
const FURTHER = `${KEY}.`;
/** A filter for each key runs at every attempt. */
const MAX_KEYS = 16;

/**
 * The keys of a policy in the order of their names: the one, or all of a pool. Errors: none, with a finding, where the one
 * cannot be used; of further keys those that cannot are left out.
 */
export function readKeys(
  policy: Policy,
  field: 'apiKey' | 'azureAPIKey' | 'anthropicAPIKey',
  context: Context,
): SecretRef[] {
  const ref = policy.object.spec[field]?.secretRef;
  const first = ref && readCredentialSecret(policy, ['spec', field, 'secretRef'], ref, KEY, context);
  if (!first) return [];
  const { found } = first;
  const further = furtherNames(found.object).map((name) => readFurther(found, name, context));
  const texts = [{ ...first, name: KEY }, ...further.filter((key) => key !== undefined)];
  const refs = new Map<string, SecretRef>();
  for (const { name, ...key } of texts) {
    const value = headerValue(key, context);
    // Without its first key a policy is as it would be without the others.
    if (value === undefined && name === KEY) return [];
    if (value === undefined) continue;
    if (refs.has(value)) {
      context.report.warning('HG0402', key.found, key.at, 'the key is there already, and counts once');
    } else if (refs.size === MAX_KEYS) {
      context.report.warning('HG0402', key.found, key.at, `a backend takes ${MAX_KEYS} keys: this one is left out`);
    } else {
      refs.set(value, context.secrets.put(`Secret/${keyOf(key.found)}/${name}`, { kind: 'generic', value }));
    }
  }
  return [...refs.values()];
}

function furtherNames({ data, stringData }: Secret): string[] {
  const names = new Set([...Object.keys(data ?? {}), ...Object.keys(stringData ?? {})]);
  return [...names].filter((name) => name.startsWith(FURTHER)).sort();
}

function readFurther(
  found: LoadedObject<Secret>,
  name: string,
  { report }: Context,
): (CredentialText & { readonly name: string }) | undefined {
  const at: FieldPath = [
    found.object.stringData && Object.hasOwn(found.object.stringData, name) ? 'stringData' : 'data',
    name,
  ];
  const read = readSecretText(found.object, name);
  if (!read.ok || read.value.trim() === '') {
    report.error('HG0401', found, at, read.ok ? 'the credential is empty' : 'the credential is no text');
    return undefined;
  }
  return { text: read.value, found, at, name };
}

/** The value as a header can carry it. */
function headerValue({ text, found, at }: CredentialText, { report }: Context): string | undefined {
  const value = text.replace(/[\r\n]+$/, '');
  if (!/^[\x20-\x7e]+$/.test(value)) {
    report.error('HG0402', found, at, 'the key has characters that no header can carry');
    return undefined;
  }
  if (value !== text) {
    report.warning('HG0402', found, at, 'the key ends with a line break, which is removed', {
      hint: 'encode it with printf or echo -n',
    });
  }
  return value;
}
