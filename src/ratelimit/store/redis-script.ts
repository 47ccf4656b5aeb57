/** What Redis runs: all changes of a call, atomically. */
import type { BucketChange, BucketCount } from './store.ts';

/** Redis counts in 64 bits and Lua in doubles: past this a bucket stays as it is, and is over any limit. */
const MOST = 2 ** 53;
/** Windows of many keys do not all expire at once. Source: EXPIRATION_JITTER_MAX_SECONDS of envoyproxy/ratelimit. */
const MAX_JITTER_SECONDS = 300;

/**
 * Three arguments a change: kind, delta, seconds to live. `f`: one key. `s`, `p`: two, the running window and the one
 * before; the change is of the first or of the second. Answers before and after of each key.
 */
export const SCRIPT = `
local out = {}
local k = 1
local function change(key, delta, ttl)
  local n = tonumber(delta)
  if n > 0 then
    local after = redis.pcall('INCRBY', key, delta)
    if type(after) ~= 'number' then
      out[#out + 1] = ${MOST}
      out[#out + 1] = ${MOST}
      return
    end
    if after == n then redis.call('EXPIRE', key, ttl) end
    out[#out + 1] = after - n
    out[#out + 1] = after
    return
  end
  local before = tonumber(redis.call('GET', key) or '0') or 0
  local after = before
  if n < 0 and before > 0 then
    after = math.max(0, before + n)
    redis.call('SET', key, string.format('%.0f', after), 'KEEPTTL')
  end
  out[#out + 1] = before
  out[#out + 1] = after
end
for i = 1, #ARGV, 3 do
  local kind, delta, ttl = ARGV[i], ARGV[i + 1], ARGV[i + 2]
  if kind == 'f' then
    change(KEYS[k], delta, ttl)
    k = k + 1
  else
    change(KEYS[k], kind == 's' and delta or '0', ttl)
    change(KEYS[k + 1], kind == 'p' and delta or '0', ttl)
    k = k + 2
  end
end
return out
`;

/** A call of the script. */
export interface ScriptCall {
  readonly keys: readonly string[];
  readonly args: readonly string[];
}

/** Fixed windows have the keys of envoyproxy/ratelimit; a sliding one has both of its keys in one slot of a cluster. */
export function scriptCall(changes: readonly BucketChange[], jitter: number): ScriptCall {
  const keys: string[] = [];
  const args: string[] = [];
  for (const { key, start, length, delta, isSliding, isOfPrevious } of changes) {
    if (isSliding) keys.push(`{s:${key}}${start}`, `{s:${key}}${start - length}`);
    else keys.push(`${key}${start}`);
    const ttl = length * (isSliding ? 2 : 1) + Math.floor(jitter * Math.min(MAX_JITTER_SECONDS, 10 + length));
    args.push(isSliding ? (isOfPrevious ? 'p' : 's') : 'f', String(delta), String(ttl));
  }
  return { keys, args };
}

/** The bucket and window of a key; undefined where it is no key of a bucket. */
export function readStoredKey(stored: string): { readonly key: string; readonly start: number } | undefined {
  const [, sliding, fixed, start] = /^(?:\{s:(.*)\}|(.*?))(\d{1,12})$/s.exec(stored) ?? [];
  const key = sliding ?? fixed;
  return key === undefined || start === undefined ? undefined : { key, start: Number(start) };
}

/** Reads the answer of a call. Errors: undefined where it is not one. */
export function readCounts(changes: readonly BucketChange[], answer: unknown): BucketCount[] | undefined {
  if (!Array.isArray(answer)) return undefined;
  const numbers = answer as readonly unknown[];
  let at = 0;
  const next = (): number => {
    const value = numbers[at++];
    return typeof value === 'number' ? value : Number(value);
  };
  const counts = changes.map(({ isSliding }) => ({
    before: next(),
    after: next(),
    previousBefore: isSliding ? next() : 0,
    previousAfter: isSliding ? next() : 0,
  }));
  return at === numbers.length ? counts : undefined;
}
