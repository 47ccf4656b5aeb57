/** What a fetch may use. */
export interface FetchContext {
  /** Names of places that differ from the usual ones, as the SDKs of the clouds know them. */
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly signal: AbortSignal;
  /** How far the clock of a host is ahead of ours, in ms: learnt from its answers, so the next request is right. */
  readonly skews: Map<string, number>;
}

/** What the clock of a service shows now, in ms since 1970. */
export function serviceNow(url: string, context: FetchContext): number {
  return Date.now() + skewOf(url, context);
}

/** When a moment by the clock of a service comes by ours. */
export function localTime(url: string, atMs: number, context: FetchContext): number {
  return atMs - skewOf(url, context);
}

function skewOf(url: string, { skews }: FetchContext): number {
  return skews.get(new URL(url).host) ?? 0;
}
