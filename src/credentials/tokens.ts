import type { SecretValues, TokenSource, TokenSources } from '../ir/index.ts';
import type { GatewayError } from '../lib/errors.ts';
import { type Finding, sortFindings } from '../lib/findings.ts';
import { canonicalJson, contentHash } from '../lib/hash.ts';
import type { Logger } from '../telemetry/index.ts';
import { describeSource } from './describe-source.ts';
import type { FetchContext } from './fetch-context.ts';
import { fetchToken } from './fetch-token.ts';
import { type FetchToken, type Renewal, startRenewal } from './renewal.ts';
import type { Token } from './token.ts';

/** Tokens that come together are told together. */
const SETTLE_MS = 20;
/** Timers cannot wait for longer. */
const MAX_TIMER_MS = 2 ** 31 - 1;

export interface TokensOptions {
  readonly env: FetchContext['env'];
  readonly logger: Logger;
  /** Values are there, or are gone, or a finding has changed. */
  readonly onChange: () => void;
  readonly onFetch?: (result: 'ok' | 'failed') => void;
  readonly fetch?: FetchToken;
}

/** How one token is doing, without the token. Times are ISO 8601. */
export interface TokenStatus {
  /** The policy that it is for: `BackendSecurityPolicy/NAMESPACE/NAME`. */
  readonly object: string;
  /** How it is had, and as whom. */
  readonly source: string;
  /** `valid`: in use. `waiting`: it is asked for. `missing`: that failed, and the backends of the policy are left out. */
  readonly state: 'valid' | 'waiting' | 'missing';
  readonly fetchedAt?: string;
  readonly expiresAt?: string;
  /** Of the last attempt, until one succeeds. */
  readonly failure?: { readonly at: string; readonly message: string };
}

/** The tokens of what is served. */
export interface Tokens {
  /** Takes over what is served: those that are new are fetched, those that nothing names any more are dropped. */
  use(sources: TokenSources): void;
  /** Those that are there and have not ended, by the name of their secret. */
  readonly values: SecretValues;
  /** Shape: HG0405. */
  findings(): Finding[];
  /** In order of their policies. */
  status(): TokenStatus[];
  /** Each was fetched once or failed once; false where that takes too long. */
  settled(timeoutMs: number): Promise<boolean>;
  close(): void;
}

/** What has come of a fetch so far. */
interface Outcome {
  token?: Token & { readonly fetchedAtMs: number };
  failure?: { readonly error: GatewayError; readonly atMs: number };
}

/** Its token may be of an earlier source until the first of this one comes. */
interface Entry extends Outcome {
  /** Of the source that fills it. */
  hash: string;
  source: TokenSource;
}

/** One fetch for all secrets that are had alike. */
interface Shared extends Outcome {
  readonly renewal: Renewal;
}

export function createTokens(options: TokensOptions): Tokens {
  const { env, logger, onChange, onFetch, fetch = fetchToken } = options;
  const entries = new Map<string, Entry>();
  const shared = new Map<string, Shared>();
  const waiting = new Set<() => void>();
  let values: SecretValues = new Map();
  let changed: NodeJS.Timeout | undefined;
  let ending: NodeJS.Timeout | undefined;

  function changeSoon(): void {
    changed ??= setTimeout(tell, SETTLE_MS);
  }

  function tell(): void {
    changed = undefined;
    refresh();
    onChange();
    if (isSettled()) for (const wake of waiting) wake();
  }

  function refresh(): void {
    const now = Date.now();
    const alive = [...entries].flatMap(([name, { token }]) =>
      token && token.expiresAtMs > now ? [{ name, token }] : [],
    );
    values = new Map(alive.map(({ name, token }) => [name, token.secret]));
    clearTimeout(ending);
    const next = Math.min(...alive.map(({ token }) => token.expiresAtMs));
    if (!Number.isFinite(next)) return;
    ending = setTimeout(tell, Math.min(next - now + 1, MAX_TIMER_MS));
    ending.unref();
  }

  const isSettled = (): boolean => [...shared.values()].every(({ token, failure }) => token ?? failure);
  const entriesOf = (hash: string): [string, Entry][] => [...entries].filter(([, entry]) => entry.hash === hash);

  function begin(hash: string, source: TokenSource): Shared {
    const renewal = startRenewal({
      source,
      fetch,
      env,
      onToken(fetched) {
        const one = shared.get(hash);
        if (one === undefined) return;
        const token = { ...fetched, fetchedAtMs: Date.now() };
        delete one.failure;
        one.token = token;
        for (const [name, entry] of entriesOf(hash)) {
          delete entry.failure;
          entry.token = token;
          logger.info({ object: objectOf(name), ends: endOf(token) ?? 'never' }, 'a token was fetched');
        }
        onFetch?.('ok');
        changeSoon();
      },
      onFailure(error) {
        const one = shared.get(hash);
        if (one === undefined) return;
        const failure = { error, atMs: Date.now() };
        one.failure = failure;
        for (const [name, entry] of entriesOf(hash)) {
          entry.failure = failure;
          logger.warn({ object: objectOf(name), reason: error.message }, 'a token cannot be fetched');
        }
        onFetch?.('failed');
        changeSoon();
      },
    });
    return { renewal };
  }

  function use(sources: TokenSources): void {
    const hashes = new Map([...sources].map(([name, source]) => [name, contentHash(canonicalJson(source))]));
    for (const name of entries.keys()) if (!sources.has(name)) entries.delete(name);
    for (const [name, source] of sources) {
      const hash = hashes.get(name) ?? '';
      const one = shared.get(hash) ?? begin(hash, source);
      shared.set(hash, one);
      const entry = entries.get(name) ?? { hash, source };
      entries.set(name, entry);
      if (entry.hash !== hash) delete entry.failure;
      Object.assign(entry, { hash, source });
      if (one.token) entry.token = one.token;
      if (one.failure) entry.failure = one.failure;
    }
    const used = new Set(hashes.values());
    for (const [hash, { renewal }] of shared) {
      if (used.has(hash)) continue;
      renewal.stop();
      shared.delete(hash);
    }
    refresh();
  }

  return {
    use,
    get values() {
      return values;
    },
    findings: () =>
      sortFindings(
        [...entries].flatMap(([name, { failure }]) => (failure ? [finding(name, failure.error, values)] : [])),
      ),
    status: () =>
      [...entries].sort(([a], [b]) => (a < b ? -1 : 1)).map(([name, entry]) => statusOf(name, entry, values.has(name))),
    settled(timeoutMs) {
      if (isSettled() && changed === undefined) return Promise.resolve(true);
      return new Promise((resolve) => {
        const end = (isInTime: boolean): void => {
          clearTimeout(timer);
          waiting.delete(wake);
          resolve(isInTime);
        };
        const wake = (): void => end(true);
        const timer = setTimeout(() => end(false), timeoutMs);
        waiting.add(wake);
      });
    },
    close() {
      for (const { renewal } of shared.values()) renewal.stop();
      clearTimeout(changed);
      clearTimeout(ending);
      entries.clear();
      shared.clear();
      for (const wake of waiting) wake();
    },
  };
}

function statusOf(name: string, { source, token, failure }: Entry, isThere: boolean): TokenStatus {
  const iso = (ms: number): string => new Date(ms).toISOString();
  const ends = token && endOf(token);
  return {
    object: objectOf(name),
    source: describeSource(source),
    state: isThere ? 'valid' : failure ? 'missing' : 'waiting',
    ...(token && { fetchedAt: iso(token.fetchedAtMs) }),
    ...(ends !== undefined && { expiresAt: ends }),
    ...(failure && { failure: { at: iso(failure.atMs), message: failure.error.message } }),
  };
}

/** Undefined where nobody says it. */
function endOf({ expiresAtMs }: Token): string | undefined {
  return Number.isFinite(expiresAtMs) ? new Date(expiresAtMs).toISOString() : undefined;
}

function finding(name: string, failure: GatewayError, values: SecretValues): Finding {
  const isThere = values.has(name);
  return {
    code: 'HG0405',
    level: isThere ? 'warning' : 'error',
    message: isThere
      ? `the token cannot be renewed; the one before is used until it ends: ${failure.message}`
      : `there is no token, and the backends of the policy are left out: ${failure.message}`,
    object: objectOf(name),
  };
}

/** The name of a secret begins with the object that it is for. */
function objectOf(name: string): string {
  return name.split('/').slice(0, 3).join('/');
}
