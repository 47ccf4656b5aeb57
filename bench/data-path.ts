/**
 * `npm run bench:data-path [-- --quick] [-- --only TEXT]`: what the gateway costs Envoy over a bare proxied request of the
 * same run, with routing, credentials, usage, costs and access log all on. Method and results: bench/README.md.
 */
import { parseArgs } from 'node:util';
import { casesFor } from './data-path/cases.ts';
import { type Comparison, compare } from './data-path/compare.ts';
import { startSubject } from './data-path/subject.ts';

const HEADER = [
  ['request', 'bare us', 'full us', 'ratio', 'us/chunk'],
  ['bare p50', 'bare p99', 'full p50', 'full p99 ms'],
].flat();

function row(result: Comparison): string[] {
  const chunk = result.perChunkUs === undefined ? '' : `+${result.perChunkUs.toFixed(1)}`;
  const latencies = [result.bareP50, result.bareP99, result.fullP50, result.fullP99].map((ms) => ms.toFixed(1));
  return [
    result.name,
    result.bareUs.toFixed(0),
    result.fullUs.toFixed(0),
    result.ratio.toFixed(2),
    chunk,
    ...latencies,
  ];
}

function print(cells: readonly string[]): void {
  console.log(cells.map((cell, i) => (i === 0 ? cell.padEnd(32) : cell.padStart(i === 8 ? 12 : 9))).join(''));
}

const { values } = parseArgs({
  options: { quick: { type: 'boolean', default: false }, only: { type: 'string', default: '' } },
});
if (process.platform !== 'linux') throw new Error('this benchmark reads CPU times from /proc: it runs on Linux');
const all = (['single', 'failover'] as const).flatMap((model) => casesFor(model, values.quick ? 0.3 : 1));
const cases = all.filter(({ name }) => name.includes(values.only));
const subject = await startSubject();
try {
  print(HEADER);
  for (const one of cases) {
    print(row(await compare(subject, one, { rounds: values.quick ? 3 : 7, concurrency: 16 })));
  }
} finally {
  await subject.stop();
}
process.exit(0);
