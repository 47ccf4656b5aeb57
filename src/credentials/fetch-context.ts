import { GatewayError } from '../lib/errors.ts';

/** Where machines ask who they are, at AWS and at Azure. */
export const METADATA_SERVICE = 'http://169.254.169.254';

/** What a fetch may use. */
export interface FetchContext {
  /** Names of places that differ from the usual ones, as the SDKs of the clouds know them. */
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly signal: AbortSignal;
  /** How far the clock of a host is ahead of ours, in ms: learnt from its answers, so the next request is right. */
  readonly skews: Map<string, number>;
}

/** The environment of this process lacks something, or says what cannot be. */
export function badEnvironment(what: string): GatewayError {
  return new GatewayError('invalid_input', `the environment of the control plane ${what}`);
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
