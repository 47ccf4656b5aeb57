/** Load from one keep-alive client: counts what came back. */
import { Agent } from 'node:http';
import { type ClientResponse, type RequestOptions, request } from './client.ts';

/** A load. `makeRequest` gets the number of the request, from 0. */
export interface LoadOptions {
  readonly concurrency: number;
  /** Requests in all; with `whileRunning`, at most so many. */
  readonly total: number;
  readonly makeRequest: (index: number) => RequestOptions;
  /** Who served; default the header `x-fake`. */
  readonly backendOf?: (response: ClientResponse) => string | undefined;
  /** Stops early once it returns false. */
  readonly whileRunning?: () => boolean;
  readonly onResponse?: (response: ClientResponse, index: number) => void;
}

/** What a load saw. Shape: latencies in milliseconds to the end of the body. */
export interface LoadResult {
  readonly sent: number;
  readonly byStatus: Readonly<Record<string, number>>;
  readonly byBackend: Readonly<Record<string, number>>;
  /** Requests without a response, and cut bodies, by message. */
  readonly errors: Readonly<Record<string, number>>;
  readonly latenciesMs: readonly number[];
}

/** Keeps `concurrency` requests in flight until `total` are answered. */
export async function loadTest(options: LoadOptions): Promise<LoadResult> {
  const agent = new Agent({ keepAlive: true, maxSockets: options.concurrency, scheduling: 'fifo' });
  const backendOf = options.backendOf ?? ((response) => response.headers['x-fake']);
  const byStatus: Record<string, number> = {};
  const byBackend: Record<string, number> = {};
  const errors: Record<string, number> = {};
  const latenciesMs: number[] = [];
  let next = 0;

  const worker = async (): Promise<void> => {
    while (next < options.total && options.whileRunning?.() !== false) {
      const index = next++;
      try {
        const response = await request({ agent, ...options.makeRequest(index) });
        add(byStatus, String(response.status));
        add(byBackend, backendOf(response) ?? 'none');
        if (response.isCut) add(errors, `cut body of a ${response.status}`);
        latenciesMs.push(response.endAtMs);
        options.onResponse?.(response, index);
      } catch (error) {
        add(errors, error instanceof Error ? error.message : String(error));
      }
    }
  };
  try {
    await Promise.all(Array.from({ length: options.concurrency }, worker));
  } finally {
    agent.destroy();
  }
  return { sent: next, byStatus, byBackend, errors, latenciesMs };
}

function add(counts: Record<string, number>, key: string): void {
  counts[key] = (counts[key] ?? 0) + 1;
}
