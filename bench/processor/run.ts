/**
 * `npm run bench:processor [-- --rounds N] [-- --quick]`: what a translated request costs more than a bare proxied one, in
 * Envoy and in the processor together, beside a no-op processor in Go that is asked as often as the reference asks.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { Agent, request } from 'node:http';
import { cpus, loadavg } from 'node:os';
import { parseArgs } from 'node:util';
import { CHUNKS, MODEL, type Side, startSides } from './sides.ts';

const { values } = parseArgs({
  options: { rounds: { type: 'string', default: '5' }, quick: { type: 'boolean', default: false } },
});
const SIZES = [200, 2000, 20_000, 200_000];

interface Case {
  readonly name: string;
  readonly body: Buffer;
  readonly streamed: boolean;
  readonly requests: number;
  readonly concurrency: number;
}

/** Shape: microseconds of CPU a request; milliseconds. */
interface Seen {
  readonly cpuUs: number;
  readonly firstMs: readonly number[];
  readonly endMs: readonly number[];
}

function cases(): Case[] {
  const scale = values.quick ? 0.3 : 1;
  return SIZES.flatMap((size) =>
    [false, true].map((streamed) => {
      const one = { model: MODEL, stream: streamed, messages: [] as object[] };
      for (let length = JSON.stringify(one).length; length < size; length += 55) {
        one.messages.push({
          role: one.messages.length % 2 === 0 ? 'user' : 'assistant',
          content: `hello there ${1000 + length}`,
        });
      }
      if (one.messages.length % 2 === 0) one.messages.push({ role: 'user', content: 'hello' });
      const requests = Math.max(20, Math.round((streamed ? 60 : size > 50_000 ? 150 : 800) * scale));
      const name = `${size < 1000 ? `${size} B` : `${size / 1000} KB`}${streamed ? `, ${CHUNKS} chunks` : ''}`;
      return { name, body: Buffer.from(JSON.stringify(one)), streamed, requests, concurrency: streamed ? 4 : 8 };
    }),
  );
}

function cpuNs(pids: readonly number[]): number {
  let total = 0;
  for (const pid of pids) {
    for (const task of readdirSync(`/proc/${pid}/task`)) {
      total += Number(readFileSync(`/proc/${pid}/task/${task}/schedstat`, 'utf8').split(' ')[0]);
    }
  }
  return total;
}

async function drive(side: Side, one: Case, requests: number): Promise<Seen> {
  const agent = new Agent({ keepAlive: true, maxSockets: one.concurrency });
  const firstMs: number[] = [];
  const endMs: number[] = [];
  let next = 0;
  const worker = async (): Promise<void> => {
    while (next++ < requests) {
      const started = performance.now();
      firstMs.push((await send(agent, side, one)) - started);
      endMs.push(performance.now() - started);
    }
  };
  const before = cpuNs(side.pids);
  await Promise.all(Array.from({ length: one.concurrency }, worker));
  agent.destroy();
  return { cpuUs: (cpuNs(side.pids) - before) / 1000 / requests, firstMs, endMs };
}

/** When the first byte of the body came. Errors: rejects for a status other than 200. */
function send(agent: Agent, { port, name }: Side, { body, streamed }: Case): Promise<number> {
  const headers = {
    'content-type': 'application/json',
    'content-length': body.length,
    ...(streamed && { 'x-stream': '1' }),
  };
  return new Promise((resolve, reject) => {
    let first = 0;
    const call = request(
      { port, host: '127.0.0.1', method: 'POST', path: '/v1/chat/completions', agent, headers },
      (answer) => {
        answer.on('data', () => {
          first ||= performance.now();
        });
        answer.on('end', () =>
          answer.statusCode === 200 ? resolve(first) : reject(new Error(`${name}: status ${answer.statusCode}`)),
        );
        answer.on('error', reject);
      },
    );
    call.on('error', reject);
    call.end(body);
  });
}

function quantile(all: readonly number[], share: number): number {
  const sorted = [...all].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}

async function measure(sides: readonly Side[], one: Case): Promise<Map<Side['name'], Seen>> {
  const seen = new Map<Side['name'], Seen[]>(sides.map(({ name }) => [name, []]));
  for (const side of sides) await drive(side, one, Math.ceil(one.requests / 2));
  for (let round = 0; round < Number(values.rounds); round++) {
    // What drifts on the machine must not favour one.
    for (const side of round % 2 === 0 ? sides : [...sides].reverse()) {
      seen.get(side.name)?.push(await drive(side, one, one.requests));
    }
  }
  return new Map(
    [...seen].map(([name, rounds]) => [
      name,
      {
        cpuUs: quantile(
          rounds.map(({ cpuUs }) => cpuUs),
          0.5,
        ),
        firstMs: rounds.flatMap(({ firstMs }) => firstMs),
        endMs: rounds.flatMap(({ endMs }) => endMs),
      },
    ]),
  );
}

function row(one: Case, seen: ReadonlyMap<Side['name'], Seen>): string {
  const of = (name: Side['name']): Seen => seen.get(name) ?? { cpuUs: Number.NaN, firstMs: [], endMs: [] };
  const [bare, own, noop] = [of('bare'), of('headgate'), of('no-op in Go')];
  const [added, theirs] = [own.cpuUs - bare.cpuUs, noop.cpuUs - bare.cpuUs];
  const each = one.streamed ? [added / CHUNKS, theirs / CHUNKS].map((us) => us.toFixed(1)).join(' / ') : '';
  const ms = (all: readonly number[], share: number): string => quantile(all, share).toFixed(1);
  const first = one.streamed ? (quantile(own.firstMs, 0.5) - quantile(bare.firstMs, 0.5)).toFixed(2) : '';
  const times = [bare, own, noop].map(({ endMs }) => `${ms(endMs, 0.5)} / ${ms(endMs, 0.99)}`);
  const cells = [
    one.name,
    bare.cpuUs.toFixed(0),
    added.toFixed(0),
    theirs.toFixed(0),
    (added / theirs).toFixed(2),
    each,
  ];
  return `| ${[...cells, ...times, first].join(' | ')} |`;
}

if (process.platform !== 'linux') throw new Error('this benchmark reads CPU times from /proc: it runs on Linux');
const { sides, stop } = await startSides();
console.log(
  `${cpus()[0]?.model.trim()}, ${cpus().length} cores, Node ${process.version}, load ${loadavg()[0]?.toFixed(1)}\n`,
);
console.log(
  '| request | bare us | added us | no-op in Go adds us | ratio | us a chunk, ours / no-op | bare p50 / p99 ms | headgate | no-op | first byte later ms |',
);
console.log('| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |');
try {
  for (const one of cases()) console.log(row(one, await measure(sides, one)));
} finally {
  await stop();
}
process.exit(0);
