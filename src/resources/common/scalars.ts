/** Forms of single values that many kinds share. */
import { type TUnsafe, Type } from 'typebox';
import { choice, int32, int64, integer, intOrString, mapOf, text } from '../schema.ts';

const dnsLabel = '[a-z0-9]([-a-z0-9]*[a-z0-9])?';

/** API group; empty for core kinds. */
export const ApiGroup = text({ maxLength: 253, pattern: `^$|^${dnsLabel}(\\.${dnsLabel})*$` });

/** Kind of an object. */
export const ApiKind = text({ minLength: 1, maxLength: 63, pattern: '^[a-zA-Z]([-a-zA-Z0-9]*[a-zA-Z0-9])?$' });

/** Name of an object. */
export const ObjectName = text({ minLength: 1, maxLength: 253 });

/** Name of a namespace. */
export const NamespaceName = text({ minLength: 1, maxLength: 63, pattern: `^${dnsLabel}$` });

/** A DNS name without wildcard; sections of objects are named like this too. */
export const DnsName = text({ minLength: 1, maxLength: 253, pattern: `^${dnsLabel}(\\.${dnsLabel})*$` });

/** A DNS name whose first label may be `*`. */
export const Hostname = text({ minLength: 1, maxLength: 253, pattern: `^(\\*\\.)?${dnsLabel}(\\.${dnsLabel})*$` });

/** A TCP or UDP port. */
export const PortNumber = int32({ minimum: 1, maximum: 65535 });

/** A duration as Gateway API writes it: `1h30m`, `500ms`. */
export const Duration = text({ pattern: '^([0-9]{1,5}(h|m|s|ms)){1,4}$' });

/** Name of an HTTP header or query parameter. */
export const HeaderName = text({
  minLength: 1,
  maxLength: 256,
  pattern: "^[A-Za-z0-9!#$%&'*+\\-.^_\\x60|~]+$",
});

/** Value of an HTTP header. */
export const HeaderValue = text({ minLength: 1, maxLength: 4096 });

/** Whole percent. */
export const Percent = int32({ minimum: 0, maximum: 100 });

/** An unsigned 32-bit integer. */
export const Uint32 = int64({ minimum: 0, maximum: 4294967295 });

/** Status code of an HTTP response. */
export const HttpStatus = integer({ minimum: 100, maximum: 599 });

/** Method of an HTTP request. */
export const HttpMethod = choice(['GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'CONNECT', 'OPTIONS', 'TRACE', 'PATCH']);

/** A size in bytes: a whole number, or one with a suffix such as `k`, `Mi` or `G`. */
export const ByteQuantity = intOrString({ pattern: '^[1-9]+[0-9]*([EPTGMK]i|[EPTGMk])?$' });

/** A set of certificate authorities known by name: `System`, or one of an implementation. */
export const CertificateAuthorityName = text({
  minLength: 1,
  maxLength: 253,
  pattern: `^(System|(${dnsLabel}(\\.${dnsLabel})*/([A-Za-z0-9][-A-Za-z0-9_.]{0,61})?[A-Za-z0-9]))$`,
});

/** Options that an implementation gives its own meaning. */
export const OptionMap = mapOf(text({ minLength: 0, maxLength: 4096 }), { maxProperties: 16 });

/** One of a closed set of integers. */
export function integerChoice<const T extends number>(
  values: readonly T[],
  options: { readonly default?: T } = {},
): TUnsafe<T> {
  return Type.Unsafe<T>({ type: 'integer', enum: values, ...options });
}
