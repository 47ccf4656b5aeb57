/** Masks what is secret in a message, for whatever shows messages to people. */

type Json = Readonly<Record<string, unknown>>;

const MASKED_TEXT = '[redacted]';
const MASKED_BYTES = Buffer.from(MASKED_TEXT).toString('base64');

/** What the Envoy API marks as sensitive, by the field it stands in. Certificates and authorities are not secret. */
const SENSITIVE: Readonly<Record<string, readonly string[]>> = {
  generic_secret: ['secret', 'secrets'],
  tls_certificate: ['private_key', 'private_key_provider', 'password', 'pkcs12'],
  session_ticket_keys: ['keys'],
  inline_credential: ['secret_access_key', 'session_token'],
};

/** A Secret, or a filter that holds a credential, without what is secret in it. */
export function maskSecret(message: Json): Json {
  return Object.fromEntries(
    Object.entries(message).map(([field, value]) => {
      if (!isObject(value)) return [field, value];
      const sensitive = SENSITIVE[field];
      if (sensitive === undefined) return [field, maskSecret(value)];
      const masked = Object.entries(value).map(([key, item]) => [key, sensitive.includes(key) ? mask(item) : item]);
      return [field, Object.fromEntries(masked)];
    }),
  );
}

/** As Envoy's redaction: texts and bytes are replaced, everything else that has a value goes. */
function mask(value: unknown, field = ''): unknown {
  if (typeof value === 'string') return field === 'inline_bytes' ? MASKED_BYTES : MASKED_TEXT;
  if (Array.isArray(value)) return value.map((item) => mask(item, field));
  if (!isObject(value)) return undefined;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, mask(item, key)]));
}

function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
