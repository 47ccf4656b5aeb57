import { setTimeout as sleep } from 'node:timers/promises';

/** How long to wait, and for what; `what` may say at the end what was seen instead. */
export interface UntilOptions {
  readonly what: string | (() => string);
  readonly timeoutMs?: number;
  readonly everyMs?: number;
}

/**
 * Waits until the condition holds and returns its value (anything but false, null and undefined).
 * Errors: throws when the time is over, with the last error of a condition that throws.
 */
export async function until<T>(
  condition: () => T | Promise<T>,
  options: UntilOptions,
): Promise<Exclude<T, false | null | undefined>> {
  const deadline = performance.now() + (options.timeoutMs ?? 10_000);
  let failure: unknown;
  for (;;) {
    try {
      const value = await condition();
      failure = undefined;
      if (value !== false && value !== null && value !== undefined) {
        return value as Exclude<T, false | null | undefined>;
      }
    } catch (error) {
      failure = error;
    }
    if (performance.now() > deadline) {
      const what = typeof options.what === 'string' ? options.what : options.what();
      throw new Error(`waited in vain for ${what}`, { cause: failure });
    }
    await sleep(options.everyMs ?? 20);
  }
}
