/** Interleaved pairs of runs through the bare proxy and the gateway, and their medians. */
import { type Case, CHUNKS } from './cases.ts';
import { createClient } from './measure.ts';
import type { Subject } from './subject.ts';

/** Medians over the rounds. Shape: CPU in microseconds per request, latencies in milliseconds. */
export interface Comparison {
  readonly name: string;
  readonly bareUs: number;
  readonly fullUs: number;
  /** Median of the ratios of pairs. */
  readonly ratio: number;
  /** Streams only: microseconds more per event. */
  readonly perChunkUs: number | undefined;
  readonly bareP50: number;
  readonly bareP99: number;
  readonly fullP50: number;
  readonly fullP99: number;
}

/** Errors: rejects with the first request that is not answered with 200. */
export async function compare(
  subject: Subject,
  one: Case,
  options: { readonly rounds: number; readonly concurrency: number },
): Promise<Comparison> {
  const client = createClient(options.concurrency);
  const bare: number[] = [];
  const full: number[] = [];
  const bareMs: number[] = [];
  const fullMs: number[] = [];
  try {
    const warm = Math.ceil(one.requests / 3);
    await client.run(subject.bare, one, warm);
    await client.run(subject.full, one, warm);
    for (let round = 0; round < options.rounds; round++) {
      // Which side goes first changes: what drifts on the machine must not favour one.
      for (const side of round % 2 === 0 ? ['bare', 'full'] : ['full', 'bare']) {
        const isBare = side === 'bare';
        const run = await client.run(isBare ? subject.bare : subject.full, one, one.requests);
        (isBare ? bare : full).push(run.cpuUs);
        (isBare ? bareMs : fullMs).push(...run.latenciesMs);
      }
    }
  } finally {
    client.close();
  }
  const pairs = bare.map((us, round) => ({ ratio: (full[round] ?? 0) / us, more: (full[round] ?? 0) - us }));
  return {
    name: one.name,
    ...{ bareUs: quantile(bare, 0.5), fullUs: quantile(full, 0.5) },
    ratio: quantile(
      pairs.map(({ ratio }) => ratio),
      0.5,
    ),
    perChunkUs: one.streamed
      ? quantile(
          pairs.map(({ more }) => more),
          0.5,
        ) / CHUNKS
      : undefined,
    ...{ bareP50: quantile(bareMs, 0.5), bareP99: quantile(bareMs, 0.99) },
    ...{ fullP50: quantile(fullMs, 0.5), fullP99: quantile(fullMs, 0.99) },
  };
}

function quantile(values: readonly number[], q: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * q))] ?? Number.NaN;
}
