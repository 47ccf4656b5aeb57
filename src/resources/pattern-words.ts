import {
  ApiGroup,
  ApiKind,
  ByteQuantity,
  DnsName,
  Duration,
  HeaderName,
  Hostname,
  NamespaceName,
} from './common/scalars.ts';
import { Base64 } from './core/secret.ts';
import type { TSchema } from './schema.ts';

function patternOf(schema: TSchema): string {
  return 'pattern' in schema ? String(schema.pattern) : '';
}

const WORDS = new Map<string, string>([
  [patternOf(ApiGroup), 'must be an API group such as gateway.envoyproxy.io'],
  [patternOf(ApiKind), 'must be a kind such as Gateway'],
  [patternOf(Base64), 'must be Base64'],
  [patternOf(ByteQuantity), 'must be a number of bytes such as 32768, 64Ki or 1M'],
  [patternOf(DnsName), "must be lower case letters, digits, '-' and '.', as in a.example.com"],
  [patternOf(Duration), 'must be a duration such as 500ms, 30s or 1h30m'],
  [patternOf(HeaderName), 'must be a header name'],
  [patternOf(Hostname), 'must be a host name such as a.example.com or *.example.com'],
  [patternOf(NamespaceName), "must be lower case letters, digits and '-'"],
]);

/** What a pattern asks for, in words, where it is one of the usual ones. */
export function describePattern(pattern: string): string | undefined {
  return WORDS.get(pattern);
}
