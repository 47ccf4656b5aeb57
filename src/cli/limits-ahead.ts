/**
 * Routes wait for the rate limit services that are connected: a descriptor whose limit a service does not know lets
 * everything pass, so a service has taken new limits before any proxy gets routes with them.
 */
import type { Snapshot } from '../xds/index.ts';

export interface LimitsAheadOptions {
  /** Whether every service that is connected has taken the newest limits. */
  readonly areTaken: () => boolean;
  readonly publish: (key: string, snapshot: Snapshot) => void;
  /** What waits goes out although a service has not answered. */
  readonly onLate: () => void;
  /** A service that does not answer holds up no more than this. Default 5 s, as a proxy that does not. */
  readonly waitMs?: number;
}

export interface LimitsAhead {
  /** Limits have changed: what is published from now on waits for them. */
  begin(): void;
  publish(key: string, snapshot: Snapshot): void;
  /** What waits under a key is not wanted any more. */
  delete(key: string): void;
  /** A service may have answered. */
  look(): void;
  readonly isHolding: boolean;
  close(): void;
}

/** For services that go, and for what proxies of limits reject: neither is an answer. */
const LOOK_MS = 50;

export function createLimitsAhead(options: LimitsAheadOptions): LimitsAhead {
  const { areTaken, publish, onLate, waitMs = 5000 } = options;
  const waiting = new Map<string, Snapshot>();
  let timer: NodeJS.Timeout | undefined;
  let deadline = 0;

  function look(): void {
    if (timer === undefined) return;
    const isLate = performance.now() >= deadline;
    if (!isLate && !areTaken()) return;
    stop();
    if (isLate && waiting.size > 0) onLate();
    const ready = [...waiting];
    waiting.clear();
    for (const [key, snapshot] of ready) publish(key, snapshot);
  }

  function stop(): void {
    clearInterval(timer);
    timer = undefined;
  }

  return {
    begin() {
      if (timer !== undefined || areTaken()) return;
      deadline = performance.now() + waitMs;
      timer = setInterval(look, LOOK_MS).unref();
    },
    publish(key, snapshot) {
      if (timer === undefined) publish(key, snapshot);
      else waiting.set(key, snapshot);
    },
    delete: (key) => void waiting.delete(key),
    look,
    get isHolding() {
      return timer !== undefined;
    },
    close: stop,
  };
}
