/** Texts of CEL that Envoy evaluates for limits: what a request has noted on arrival, and what it cost. */
import type { BucketEntryIr, HitsIr, LimitIr, MetadataKeyIr } from '../ir/index.ts';
import { LIMITS_NAMESPACE } from './names.ts';

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

/** Under which key a header, a query parameter or the path is noted. */
export function notedKey(entry: Extract<BucketEntryIr, { name: string }> | NotedCondition): string {
  if (entry.kind === 'path_match') return ':path';
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

/** What a request counts for on arrival. Without the metadata Envoy counts it as one. */
export function arrivalFormat(metadata: MetadataKeyIr): string {
  return `%CEL(uint(${notedValue(metadata)}))%`;
}

/** What was reserved: a number, or what the script has noted under a key. */
export function reservedText(reserve: NonNullable<LimitIr['reserve']>, key: string): string {
  return reserve.kind === 'number' ? `uint(${reserve.number})` : `uint(${NOTED}[${text(key)}])`;
}

/**
 * What is charged at the end. Without a known cost, an answer that failed costs nothing, and any other one (an aborted
 * stream, one without usage) what was reserved. Guarded: what yields nothing would count as one.
 */
export function settlingFormat(response: Extract<HitsIr, { kind: 'metadata' }>, reserved: string | undefined): string {
  const { metadata } = response;
  const unknown =
    reserved === undefined ? 'uint(0)' : `(has(response.code) && response.code >= 400 ? uint(0) : ${reserved})`;
  return `%CEL(${has(metadata)} ? uint(${notedValue(metadata)}) : ${unknown})%`;
}
