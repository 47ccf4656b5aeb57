/**
 * The descriptor of a bucket, in Envoy's words. A request is charged when its stream has ended; by then attempts have
 * changed and removed headers. So limits of inference look, at both times, at what the script has noted on arrival. Limits
 * of plain HTTP look at the request itself, and at noted headers where they look again at the end.
 */
import { type BucketEntryIr, type BucketIr, entryKey, LIMIT_KEY, type RouteIr } from '../ir/index.ts';
import { conditionText, notedKey } from './limit-cel.ts';
import { LIMITS_NAMESPACE, PATH_HEADER } from './names.ts';
import { notesHeaders } from './noted-headers.ts';
import {
  type ConfigRouteV3HeaderMatcher,
  type ConfigRouteV3RateLimitAction,
  type TypeMatcherV3StringMatcher,
  typedAny,
} from './schema/index.ts';

/** Where the entries of a descriptor come from: the request as it is, what was noted of its headers, or of all of it. */
export type DescriptorSource = 'request' | 'headers' | 'noted';

export function sourceOf(route: RouteIr): DescriptorSource {
  if (route.action.kind === 'inference') return 'noted';
  return notesHeaders(route) ? 'headers' : 'request';
}

/** The entries of a bucket's descriptor: its name, its conditions and who is told apart. */
export function descriptorActions(
  { name, entries }: Pick<BucketIr, 'name' | 'entries'>,
  source: DescriptorSource,
): ConfigRouteV3RateLimitAction[] {
  return [
    { generic_key: { descriptor_key: LIMIT_KEY, descriptor_value: name } },
    ...entries.map((entry, index) => {
      const { key, value = '' } = entryKey(entry, index);
      return isNoted(entry, source) ? notedAction(entry, key, value) : requestAction(entry, key, value);
    }),
  ];
}

/** An entry whose value is what the script has noted under a name; without it there is no descriptor. */
export function notedEntry(key: string, noted: string): ConfigRouteV3RateLimitAction {
  const metadata_key = { key: LIMITS_NAMESPACE, path: [{ key: noted }] };
  return { metadata: { descriptor_key: key, metadata_key, source: 'DYNAMIC' } };
}

/** When a request arrived, in Unix time. */
export function arrivalEntry(key: string, source: DescriptorSource): ConfigRouteV3RateLimitAction {
  return source === 'noted' ? notedEntry(key, ARRIVAL) : expressionEntry(key, 'int(request.time)');
}

/** Under which the script notes when a request arrived. */
const ARRIVAL = '@';

/** A route of plain HTTP leaves the query as it is. */
function isNoted({ kind }: BucketEntryIr, source: DescriptorSource): boolean {
  return source === 'noted' || (source === 'headers' && kind !== 'query' && kind !== 'query_match');
}

function notedAction(entry: BucketEntryIr, key: string, value: string): ConfigRouteV3RateLimitAction {
  switch (entry.kind) {
    case 'header':
    case 'query':
      return notedEntry(key, notedKey(entry));
    case 'header_match':
    case 'query_match':
    case 'path_match':
      return expressionEntry(key, conditionText(entry, value));
    default:
      return requestAction(entry, key, value);
  }
}

/** An entry whose value is that of an expression; where it fails there is no descriptor. */
function expressionEntry(descriptor_key: string, text: string): ConfigRouteV3RateLimitAction {
  const type = 'envoy.extensions.rate_limit_descriptors.expr.v3.Descriptor';
  return {
    extension: { name: 'envoy.rate_limit_descriptors.expr', typed_config: typedAny(type, { descriptor_key, text }) },
  };
}

function requestAction(entry: BucketEntryIr, key: string, value: string): ConfigRouteV3RateLimitAction {
  const named = { descriptor_key: key, descriptor_value: value };
  switch (entry.kind) {
    case 'header':
      return { request_headers: { header_name: entry.name, descriptor_key: key } };
    case 'query':
      return { query_parameters: { query_parameter_name: entry.name, descriptor_key: key } };
    case 'address':
      return { remote_address: {} };
    case 'header_match':
      return headerMatch(entry.name, entry, named);
    case 'path_match':
      return headerMatch(PATH_HEADER, entry, named);
    case 'query_match': {
      const query_parameters = [{ name: entry.name, string_match: stringMatch(entry) }];
      return { query_parameter_value_match: { ...named, expect_match: !entry.invert, query_parameters } };
    }
    case 'address_match': {
      const [address_prefix = '', bits] = entry.cidr.split('/');
      const ranges = [{ address_prefix, prefix_len: Number(bits) }];
      const address_matcher = { ranges, ...(entry.invert && { invert_match: true }) };
      return { remote_address_match: { ...named, address_matcher } };
    }
  }
}

type Matched = Extract<BucketEntryIr, { type: string }>;

function headerMatch(
  name: string,
  entry: Matched,
  named: { descriptor_key: string; descriptor_value: string },
): ConfigRouteV3RateLimitAction {
  const headers: ConfigRouteV3HeaderMatcher[] = [{ name, string_match: stringMatch(entry) }];
  // Not `invert_match`, which an absent header would not meet.
  return { header_value_match: { ...named, expect_match: !entry.invert, headers } };
}

function stringMatch({ type, value }: Matched): TypeMatcherV3StringMatcher {
  if (type === 'exact') return { exact: value };
  return type === 'prefix' ? { prefix: value } : { safe_regex: { regex: value } };
}
