/** The dynamic metadata of an answer. Source: envoyproxy/ratelimit, src/service/ratelimit.go (ratelimitToMetadata). */
import { encodeMessage } from '../envoy/schema/index.ts';
import { RESERVED_MARK } from '../ir/index.ts';
import type { Asked } from './asked.ts';
import { backendOf, quotaGroup, type Verdict } from './quota.ts';
import type { RateLimitRequest } from './wire.ts';

type Plain = Readonly<Record<string, unknown>>;

/** Says that reservations of the request are counted, so that Envoy gives back what was taken and nothing else. */
const MARK = { [RESERVED_MARK]: true };
export const RESERVED = encodeMessage('google.protobuf.Struct', MARK);

/** google.protobuf.Struct: domain, descriptors, hits, what is configured for limits with room, and backends with room. */
export function responseMetadata(
  request: RateLimitRequest,
  asked: readonly Asked[],
  verdict: Verdict,
  isReserved: boolean,
): Uint8Array {
  const { domain, descriptors, hitsAddend } = request;
  let metadata: Plain = {};
  for (const i of verdict.passed) metadata = merge(metadata, asked[i]?.found?.limit.metadata ?? {});
  const backends = verdict.hasQuota ? passedBackends(asked, verdict.passed) : [];
  return encodeMessage('google.protobuf.Struct', {
    ...(isReserved && MARK),
    domain,
    descriptors: descriptors.map(({ entries, hitsAddend: hits }) => ({
      entries: entries.map(({ key, value }) => `${key}=${value}`),
      ...(hits === undefined ? {} : { hitsAddend: hits }),
    })),
    ...(hitsAddend === 0 ? {} : { hitsAddend }),
    ...(Object.keys(metadata).length === 0 ? {} : { metadata }),
    ...(backends.length === 0 ? {} : { passedBackends: backends }),
  });
}

function passedBackends(asked: readonly Asked[], passed: readonly number[]): Plain[] {
  const groups = new Map<string, Plain>();
  for (const i of passed) {
    const descriptor = asked[i]?.descriptor;
    const { backend, model } = backendOf(descriptor);
    if (backend === '' && model === '') continue;
    groups.set(quotaGroup(descriptor), { backend_name: backend, model_name_override: model });
  }
  return [...groups.values()];
}

/** What came first stays, except that objects are merged. */
function merge(first: Plain, second: Plain): Plain {
  const merged: Record<string, unknown> = { ...first };
  for (const [name, value] of Object.entries(second)) {
    const known = merged[name];
    if (known === undefined) merged[name] = value;
    else if (isPlain(known) && isPlain(value)) merged[name] = merge(known, value);
  }
  return merged;
}

function isPlain(value: unknown): value is Plain {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
