import { isIPv4, isIPv6 } from 'node:net';

/**
 * The string and number formats the schemas use, as the Kubernetes API reads them: that is as Go's libraries do, here
 * and there more or less than the standards say.
 */
export const FORMATS = {
  int32: { type: 'number', validate: (value: number) => value >= -(2 ** 31) && value < 2 ** 31 },
  int64: { type: 'number', validate: (value: number) => value >= -(2 ** 63) && value < 2 ** 63 },
  'date-time': isDateTime,
  byte: (value: string) => /^(?!$)(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/.test(value),
  uri: isRequestUri,
  ipv4: (value: string) => isIPv4(value),
  ipv6: (value: string) => isIPv6(value),
} as const;

const DATE_TIME = /^(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(?:.\d+)?(?:Z|[+-]\d\d:\d\d)$/i;

/** RFC 3339, with any offset and any sign before the fraction. */
function isDateTime(value: string): boolean {
  const parts = DATE_TIME.exec(value)?.slice(1).map(Number);
  if (!parts) return false;
  const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0] = parts;
  const leap = (year % 4 === 0 && year % 100 !== 0) || year % 400 === 0;
  const days = [31, leap ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31][month - 1] ?? 0;
  return day >= 1 && day <= days && hour < 24 && minute < 60 && second < 60;
}

const SCHEME = /^[A-Za-z][A-Za-z0-9+.-]*:/;
const ESCAPES = /^(?:[^%]|%[0-9A-Fa-f]{2})*$/;
const USER_INFO = /^(?:[A-Za-z0-9\-._:~!$&'()*+,;=@]|%[0-9A-Fa-f]{2})*$/;
const HOST = /^(?:[A-Za-z0-9\-._~!$&'()*+,;=:[\]<>"\u0080-\u{10ffff}]|%25|%[89A-Fa-f][0-9A-Fa-f])*$/u;

/** An absolute URI, or a path that starts with a slash. Source: ParseRequestURI of Go's net/url. */
function isRequestUri(value: string): boolean {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is refused
  if (value === '' || /[\u0000-\u001f\u007f]/.test(value) || value.startsWith(':')) return false;
  if (value === '*') return true;
  const scheme = SCHEME.exec(value)?.[0] ?? '';
  const [rest = ''] = value.slice(scheme.length).split('?', 1);
  if (!rest.startsWith('/')) return scheme !== '';
  if (scheme === '' || !rest.startsWith('//')) return ESCAPES.test(rest);
  const end = rest.indexOf('/', 2);
  const authority = rest.slice(2, end < 0 ? undefined : end);
  return isAuthority(authority) && (end < 0 || ESCAPES.test(rest.slice(end)));
}

function isAuthority(authority: string): boolean {
  const at = authority.lastIndexOf('@');
  if (at >= 0 && !USER_INFO.test(authority.slice(0, at))) return false;
  const host = authority.slice(at + 1);
  const bracketed = /^\[([^\]]*)\](.*)$/.exec(host);
  if (host.startsWith('[')) return bracketed !== null && isIPv6(bracketed[1] ?? '') && isPort(bracketed[2] ?? '');
  const colon = host.indexOf(':');
  return HOST.test(host) && (colon < 0 || isPort(host.slice(colon)));
}

function isPort(text: string): boolean {
  return /^(?::\d*)?$/.test(text);
}
