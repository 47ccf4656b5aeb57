/** Texts of CEL that Envoy evaluates for limits: what a request has noted on arrival, and what it cost. */
import { type BucketEntryIr, type HitsIr, type MetadataKeyIr, RESERVED_MARK } from '../ir/index.ts';
import { COST_NAMESPACE, LIMITS_NAMESPACE, RATE_LIMIT_FILTER } from './names.ts';

/** A string literal. It may stand in a format, where `%` and brackets have a meaning. */
function text(value: string): string {
  const escaped = value.replace(/[^\w ./|-]/gu, (c) => {
    const code = c.codePointAt(0) ?? 0;
    return code > 0xffff ? `\\U${code.toString(16).padStart(8, '0')}` : `\\u${code.toString(16).padStart(4, '0')}`;
  });
  return `'${escaped}'`;
}

const ALL = 'metadata.filter_metadata';
const NOTED = `${ALL}[${text(LIMITS_NAMESPACE)}]`;

function notedValue({ namespace, key }: MetadataKeyIr): string {
  return `${ALL}[${text(namespace)}][${text(key)}]`;
}

function has({ namespace, key }: MetadataKeyIr): string {
  return `${text(namespace)} in ${ALL} && ${text(key)} in ${ALL}[${text(namespace)}]`;
}

/** A condition that looks at what was noted of a request. */
export type NotedCondition = Extract<BucketEntryIr, { kind: 'header_match' | 'query_match' | 'path_match' }>;

/** Under which key the path is noted. */
export const PATH_KEY = ':path';

/** Under which key a header, a query parameter or the path is noted. */
export function notedKey(entry: Extract<BucketEntryIr, { name: string }> | NotedCondition): string {
  if (entry.kind === 'path_match') return PATH_KEY;
  return entry.kind === 'query' || entry.kind === 'query_match' ? `?${entry.name}` : entry.name;
}

/** An expression that gives `value` where the condition holds and fails elsewhere: then there is no descriptor. */
export function conditionText(entry: NotedCondition, value: string): string {
  const key = text(notedKey(entry));
  const noted = `${NOTED}[${key}]`;
  const comparison = {
    exact: `${noted} == ${text(entry.value)}`,
    prefix: `${noted}.startsWith(${text(entry.value)})`,
    regex: `${noted}.matches(${text(`^(?:${entry.value})$`)})`,
  }[entry.type];
  const holds = `${key} in ${NOTED} && ${comparison}`;
  return `{true: ${text(value)}}[${entry.invert ? `!(${holds})` : `(${holds})`}]`;
}

/** Envoy leaves out a descriptor with more hits than this. */
export const MAX_HITS = 1_000_000_000;

function hits(value: string): string {
  return `uint(${value} < ${MAX_HITS}.0 ? ${value} : ${MAX_HITS}.0)`;
}

/** What a request counts for on arrival. Without the metadata Envoy counts it as one. */
export function arrivalFormat(metadata: MetadataKeyIr): string {
  return `%CEL(${hits(notedValue(metadata))})%`;
}

/** What the script has noted under a key as reserved or known: 0 where it has noted nothing. */
export function notedHits(key: string): string {
  const noted = { namespace: LIMITS_NAMESPACE, key };
  return `(${has(noted)} ? ${hits(notedValue(noted))} : uint(0))`;
}

/** What is given back at the end: what was reserved, and only where the service has said that it is. */
export function refundFormat(reserved: string): string {
  const mark = { namespace: RATE_LIMIT_FILTER, key: RESERVED_MARK };
  return `%CEL(${has(mark)} ? ${reserved} : uint(0))%`;
}

/** Where the script notes what is known of a cost while its stream runs. */
export function knownKey({ namespace, key }: MetadataKeyIr): string | undefined {
  return namespace === COST_NAMESPACE ? `known/${key}` : undefined;
}

/**
 * What is charged at the end. Without a known cost, an answer that failed costs nothing, and any other one (an aborted
 * stream, one without usage) what was reserved or is known, whichever is more. Guarded: what yields nothing would count
 * as one.
 */
export function settlingFormat(
  { metadata }: Extract<HitsIr, { kind: 'metadata' }>,
  estimates: readonly string[],
): string {
  const estimate =
    estimates.length === 0 ? 'uint(0)' : estimates.reduce((one, other) => `(${one} > ${other} ? ${one} : ${other})`);
  const unknown =
    estimates.length === 0 ? estimate : `(has(response.code) && response.code >= 400 ? uint(0) : ${estimate})`;
  return `%CEL(${has(metadata)} ? ${hits(notedValue(metadata))} : ${unknown})%`;
}
