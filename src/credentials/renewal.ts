/**
 * One token, always: fetched, renewed ahead of its end, asked for again where that fails. Its holder keeps what came last
 * for as long as it lasts.
 */
import type { TokenSource } from '../ir/index.ts';
import { GatewayError } from '../lib/errors.ts';
import type { FetchContext } from './fetch-context.ts';
import type { Token } from './token.ts';

/** An answer of a token service takes this long at most. */
const FETCH_TIMEOUT_MS = 15_000;
/** This long before its end a token is renewed, or this share of its life where that is short. */
const LEAD_MS = 5 * 60_000;
const LEAD_SHARE = 0.25;
/** Many that were fetched at one time are not renewed at one time. */
const JITTER_MS = 60_000;
const JITTER_SHARE = 0.05;
/** What has no end may change where it comes from: it is looked at again this much later. */
const ENDLESS_MS = 5 * 60_000;
const RETRY_MS = 1000;
const MAX_RETRY_MS = 60_000;
/** Timers cannot wait for longer. */
const MAX_TIMER_MS = 2 ** 31 - 1;

export type FetchToken = (source: TokenSource, context: FetchContext) => Promise<Token>;

export interface RenewalOptions {
  readonly source: TokenSource;
  readonly fetch: FetchToken;
  readonly env: FetchContext['env'];
  readonly onToken: (token: Token) => void;
  readonly onFailure: (error: GatewayError) => void;
}

export interface Renewal {
  stop(): void;
}

/** Begins at once. */
export function startRenewal({ source, fetch, env, onToken, onFailure }: RenewalOptions): Renewal {
  const stopped = new AbortController();
  let timer: NodeJS.Timeout | undefined;
  const skews: FetchContext['skews'] = new Map();
  let failures = 0;

  function later(ms: number): void {
    timer = setTimeout(() => void attempt(), Math.min(ms, MAX_TIMER_MS));
    timer.unref();
  }

  async function attempt(): Promise<void> {
    const token = await fetched();
    if (stopped.signal.aborted) return;
    if (token instanceof GatewayError) {
      later(retryInMs(failures));
      failures += 1;
      onFailure(token);
    } else {
      failures = 0;
      later(renewInMs(token.expiresAtMs - Date.now()));
      onToken(token);
    }
  }

  async function fetched(): Promise<Token | GatewayError> {
    try {
      const signal = AbortSignal.any([stopped.signal, AbortSignal.timeout(FETCH_TIMEOUT_MS)]);
      const token = await fetch(source, { env, signal, skews });
      if (token.expiresAtMs > Date.now()) return token;
      return new GatewayError('provider_failed', 'the token had ended already when it came');
    } catch (caught) {
      if (caught instanceof GatewayError) return caught;
      // What other errors say may hold a part of what went in.
      return new GatewayError('provider_failed', `the token cannot be asked for: ${nameOf(caught)}`, { cause: caught });
    }
  }

  void attempt();
  return {
    stop() {
      clearTimeout(timer);
      stopped.abort();
    },
  };
}

function nameOf(caught: unknown): string {
  const code = caught instanceof Error ? (caught as NodeJS.ErrnoException).code : undefined;
  if (typeof code === 'string') return code;
  return caught instanceof Error ? caught.name : 'an unknown failure';
}

/** How long after it came a token is renewed. */
export function renewInMs(lifetimeMs: number, random = Math.random()): number {
  if (lifetimeMs === Number.POSITIVE_INFINITY) return ENDLESS_MS * (1 - random * JITTER_SHARE);
  const lead = Math.min(LEAD_MS, lifetimeMs * LEAD_SHARE);
  const jitter = random * Math.min(JITTER_MS, lifetimeMs * JITTER_SHARE);
  return Math.max(lifetimeMs - lead - jitter, RETRY_MS);
}

/** How long after a failure the next attempt is made. */
export function retryInMs(failures: number, random = Math.random()): number {
  return Math.min(RETRY_MS * 2 ** failures, MAX_RETRY_MS) * (1 - random / 4);
}
