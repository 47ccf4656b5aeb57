/**
 * `npm run bench:fleet [-- --envoys N --gateways N --changes N]`: fifty real Envoys through random changes under traffic,
 * with the server killed half way, beside one Envoy for each gateway. Fails if a request is lost. Method: bench/README.md.
 */
import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { type Drive, type DrivenFleet, expectNothingLost, startDrivenFleet } from '../test/envoy/fleet/drive.ts';

const { values } = parseArgs({
  options: {
    envoys: { type: 'string', default: '50' },
    gateways: { type: 'string', default: '5' },
    changes: { type: 'string', default: '200' },
    clients: { type: 'string', default: '32' },
    seed: { type: 'string', default: '4' },
  },
});

interface Result {
  readonly drive: Drive;
  readonly startMs: number;
  readonly driveMs: number;
  /** Memory of each Envoy at the end, in MiB. */
  readonly memory: readonly number[];
  /** Heap of this process, which is server, providers and clients in one, in MiB. */
  readonly heap: number;
}

async function measure(envoys: number): Promise<Result> {
  const changes = Number(values.changes);
  const started = performance.now();
  const options = { gateways: Number(values.gateways), clients: Number(values.clients), seed: Number(values.seed) };
  const driven: DrivenFleet = await startDrivenFleet({ ...options, envoys, changes });
  try {
    const ready = performance.now();
    const drive = await driven.drive();
    const driveMs = performance.now() - ready;
    expectNothingLost(drive, changes);
    const memory = driven.fleet.members.map(({ envoy }) => residentMiB(envoy.pid));
    return { drive, startMs: ready - started, driveMs, memory, heap: process.memoryUsage().heapUsed / 2 ** 20 };
  } finally {
    await driven.stop();
  }
}

function residentMiB(pid: number): number {
  const [, kib] = /^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? [];
  return Number(kib) / 1024;
}

function quantile(sample: readonly number[], share: number): number {
  const sorted = [...sample].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
}

function report(envoys: number, { drive, startMs, driveMs, memory, heap }: Result): void {
  const { load, convergedMs } = drive;
  console.log(
    `${envoys} Envoys, ${values.gateways} gateways, ${values.changes} changes: ${load.sent} requests, none lost`,
  );
  console.log(
    `  all in sync after the start: ${(startMs / 1000).toFixed(1)} s; the changes: ${(driveMs / 1000).toFixed(1)} s`,
  );
  console.log(
    `  a change until all run it: p50 ${quantile(convergedMs, 0.5).toFixed(0)} ms, p90 ${quantile(convergedMs, 0.9).toFixed(0)} ms`,
  );
  console.log(
    `  memory per Envoy: ${quantile(memory, 0.5).toFixed(0)} MiB; heap of server, providers and clients: ${heap.toFixed(0)} MiB`,
  );
}

const envoys = Number(values.envoys);
const few = await measure(Number(values.gateways));
report(Number(values.gateways), few);
const many = await measure(envoys);
report(envoys, many);
const ratio = (share: number): string =>
  (quantile(many.drive.convergedMs, share) / quantile(few.drive.convergedMs, share)).toFixed(2);
console.log(
  `${envoys} against ${values.gateways} Envoys: time until all run a change, p50 ${ratio(0.5)}, p90 ${ratio(0.9)}`,
);
// Sockets of clients that keep their connections would hold the process for a while.
process.exit(0);
