import { defineKind, type ObjectOf } from '../kind.ts';
import { bool, mapOf, object, optional, text } from '../schema.ts';

const base64Char = '[A-Za-z0-9+/][\\r\\n]*';
const base64Pad = '=[\\r\\n]*';
/** Base64 as Kubernetes reads it: padded, line breaks anywhere; null stands for no bytes. */
export const Base64 = text({
  nullable: true,
  pattern: `^[\\r\\n]*(?:(?:${base64Char}){4})*(?:(?:${base64Char}){2}(?:${base64Pad}){2}|(?:${base64Char}){3}${base64Pad})?$`,
});

/** Keys become file names where a Secret or ConfigMap is mounted. */
export const dataKeyRules = [
  {
    rule: "self.all(key, size(key) <= 253 && key.matches('^[-._a-zA-Z0-9]+$') && key != '.' && !key.startsWith('..'))",
    message: 'a key may hold letters, digits, "-", "_" and ".", and does not start with ".."',
  },
];

/** The keys that a type of Secret stands for; one of each group must be there. */
const TYPE_KEYS: readonly (readonly [type: string, ...keys: string[]])[] = [
  ['kubernetes.io/tls', 'tls.crt'],
  ['kubernetes.io/tls', 'tls.key'],
  ['kubernetes.io/basic-auth', 'username', 'password'],
  ['kubernetes.io/ssh-auth', 'ssh-privatekey'],
  ['kubernetes.io/dockercfg', '.dockercfg'],
  ['kubernetes.io/dockerconfigjson', '.dockerconfigjson'],
];

export const secretKind = defineKind({
  group: '',
  kind: 'Secret',
  plural: 'secrets',
  versions: ['v1'],
  schema: object(
    {
      type: text({ default: 'Opaque' }),
      data: optional(mapOf(Base64, { rules: dataKeyRules })),
      stringData: optional(mapOf(text({ nullable: true }), { rules: dataKeyRules })),
      immutable: optional(bool()),
    },
    {
      rules: TYPE_KEYS.map(([type, ...keys]) => ({
        rule: `self.type != '${type}' || ${keys
          .flatMap((key) => ['data', 'stringData'].map((field) => `(has(self.${field}) && '${key}' in self.${field})`))
          .join(' || ')}`,
        message: `type ${type} needs ${keys.join(' or ')}`,
      })),
    },
  ),
});
export type Secret = ObjectOf<typeof secretKind, 'Secret'>;

/** The bytes under one key of a Secret; `stringData` goes before `data`, as when Kubernetes stores it. */
export function secretValue(secret: Secret, key: string): Uint8Array | undefined {
  if (secret.stringData && Object.hasOwn(secret.stringData, key))
    return Buffer.from(secret.stringData[key] ?? '', 'utf8');
  if (secret.data && Object.hasOwn(secret.data, key)) return Buffer.from(secret.data[key] ?? '', 'base64');
  return undefined;
}
