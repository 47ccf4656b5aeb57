/**
 * `npm run bench:processor [-- --rounds N] [-- --quick] [-- --warm]`: what a translated request costs more than a bare proxied one, in
 * Envoy and in the processor, beside a no-op processor in Go that is asked as often as the reference asks, and as we ask.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { Agent, request } from 'node:http';
import { cpus, loadavg } from 'node:os';
import { parseArgs } from 'node:util';
import { CHUNKS, MODEL, type Side, startSides } from './sides.ts';

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '5' },
    quick: { type: 'boolean', default: false },
    // After thousands of requests, as a processor that has been running for a minute.
    warm: { type: 'boolean', default: false },
  },
});
const SIZES = [200, 2000, 20_000, 200_000];
/** Bytes of a message: very short ones are the worst case; those of a long conversation. */
const SHORT = 24;
const LONG = 1500;
/** Between the first event and the rest, where the first byte is measured apart from the load of the rest. */
const PAUSE_MS = 20;

interface Case {
  readonly name: string;
  readonly body: Buffer;
  readonly streamed: boolean;
  readonly requests: number;
  readonly concurrency: number;
  readonly pauseMs?: number;
}

/** Shape: microseconds of CPU a request; milliseconds. */
interface Seen {
  readonly envoyUs: number;
  readonly processorUs: number;
  readonly firstMs: readonly number[];
  readonly endMs: readonly number[];
}

function cases(): Case[] {
  const all = SIZES.flatMap((size) => [false, true].map((streamed) => caseOf(size, SHORT, streamed)));
  const conversation = [false, true].map((streamed) => caseOf(200_000, LONG, streamed));
  const alone = [200, 20_000].map((size) => ({
    ...caseOf(size, SHORT, true),
    name: `${sizeName(size)}, one stream at a time, paused`,
    concurrency: 1,
    pauseMs: PAUSE_MS,
  }));
  return [...all, ...conversation, ...alone];
}

function sizeName(size: number): string {
  return size < 1000 ? `${size} B` : `${size / 1000} KB`;
}

function caseOf(size: number, messageBytes: number, streamed: boolean): Case {
  const one = { model: MODEL, stream: streamed, messages: [] as object[] };
  const text = 'hello there '.repeat(Math.ceil(messageBytes / 12)).slice(0, messageBytes - 4);
  for (let length = JSON.stringify(one).length; length < size; length += messageBytes + 31) {
    const role = one.messages.length % 2 === 0 ? 'user' : 'assistant';
    one.messages.push({ role, content: `${text}${1000 + one.messages.length}` });
  }
  if (one.messages.length % 2 === 0) one.messages.push({ role: 'user', content: 'hello' });
  const scale = values.quick ? 0.3 : 1;
  const requests = Math.max(20, Math.round((streamed ? 60 : size > 50_000 ? 150 : 800) * scale));
  const long = messageBytes === LONG ? ' of long messages' : '';
  return {
    name: `${sizeName(size)}${long}${streamed ? `, ${CHUNKS} chunks` : ''}`,
    body: Buffer.from(JSON.stringify(one)),
    streamed,
    requests,
    concurrency: streamed ? 4 : 8,
  };
}

function cpuUs(pid: number): number {
  let total = 0;
  for (const task of readdirSync(`/proc/${pid}/task`)) {
    total += Number(readFileSync(`/proc/${pid}/task/${task}/schedstat`, 'utf8').split(' ')[0]);
  }
  return total / 1000;
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
  const spent = (): [number, number] => [cpuUs(side.envoy), side.processor === undefined ? 0 : cpuUs(side.processor)];
  const before = spent();
  await Promise.all(Array.from({ length: one.concurrency }, worker));
  agent.destroy();
  const after = spent();
  const [envoyUs, processorUs] = [(after[0] - before[0]) / requests, (after[1] - before[1]) / requests];
  return { envoyUs, processorUs, firstMs, endMs };
}

/** When the first byte of the body came. Errors: rejects for a status other than 200. */
function send(
  agent: Agent,
  { port, name, path = '/v1/chat/completions' }: Side,
  { body, streamed, pauseMs }: Case,
): Promise<number> {
  const headers = {
    'content-type': 'application/json',
    'content-length': body.length,
    ...(streamed && { 'x-stream': '1' }),
    ...(pauseMs !== undefined && { 'x-pause': pauseMs }),
  };
  return new Promise((resolve, reject) => {
    let first = 0;
    const call = request({ port, host: '127.0.0.1', method: 'POST', path, agent, headers }, (answer) => {
      answer.on('data', () => {
        first ||= performance.now();
      });
      answer.on('end', () =>
        answer.statusCode === 200 ? resolve(first) : reject(new Error(`${name}: status ${answer.statusCode}`)),
      );
      answer.on('error', reject);
    });
    call.on('error', reject);
    call.end(body);
  });
}

/** Node compiles what has run often: of the first thousands of requests most is that. */
async function warmUp(side: Side): Promise<void> {
  for (const streamed of [false, true]) await drive(side, caseOf(2000, SHORT, streamed), streamed ? 600 : 6000);
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
  return new Map([...seen].map(([name, rounds]) => [name, median(rounds)]));
}

function median(rounds: readonly Seen[]): Seen {
  const middle = (of: (seen: Seen) => number): number => quantile(rounds.map(of), 0.5);
  return {
    envoyUs: middle(({ envoyUs }) => envoyUs),
    processorUs: middle(({ processorUs }) => processorUs),
    firstMs: rounds.flatMap(({ firstMs }) => firstMs),
    endMs: rounds.flatMap(({ endMs }) => endMs),
  };
}

function row(one: Case, seen: ReadonlyMap<Side['name'], Seen>): string {
  const of = (name: Side['name']): Seen =>
    seen.get(name) ?? { envoyUs: Number.NaN, processorUs: Number.NaN, firstMs: [], endMs: [] };
  const bare = of('bare');
  const alone = of('not translated').envoyUs - bare.envoyUs;
  const asked = [of('headgate'), of('no-op in Go'), of('no-op, asked as ours')] as const;
  const [own, noop, least] = asked.map((side) => side.envoyUs + side.processorUs - bare.envoyUs);
  const parts = asked.map((side) => `${(side.envoyUs - bare.envoyUs).toFixed(0)} + ${side.processorUs.toFixed(0)}`);
  const ratio = (a = Number.NaN, b = Number.NaN): string => (a / b).toFixed(2);
  const ms = (all: readonly number[], share: number): string => quantile(all, share).toFixed(1);
  const later = ({ firstMs }: Seen): string => (quantile(firstMs, 0.5) - quantile(bare.firstMs, 0.5)).toFixed(1);
  const cells = [
    ...[one.name, bare.envoyUs.toFixed(0), ...parts, alone.toFixed(0)],
    ...[ratio(own, noop), ratio((own ?? Number.NaN) - alone, noop), ratio(least, noop)],
    one.streamed ? [own, noop].map((us = Number.NaN) => (us / CHUNKS).toFixed(1)).join(' / ') : '',
    ...[bare, ...asked.slice(0, 2)].map(({ endMs }) => `${ms(endMs, 0.5)} / ${ms(endMs, 0.99)}`),
    one.streamed ? asked.map(later).join(' / ') : '',
  ];
  return `| ${cells.join(' | ')} |`;
}

if (process.platform !== 'linux') throw new Error('this benchmark reads CPU times from /proc: it runs on Linux');
const { sides, stop } = await startSides();
if (values.warm) for (const side of sides) await warmUp(side);
console.log(
  `${cpus()[0]?.model.trim()}, ${cpus().length} cores, Node ${process.version}, load ${loadavg()[0]?.toFixed(1)}\n`,
);
const HEAD = [
  'request',
  'bare us',
  ...['headgate adds', 'no-op in Go adds', 'no-op asked as ours adds'].map((name) => `${name}: Envoy + processor us`),
  'headgate without translation adds us',
  'ratio',
  'ratio of the translation alone',
  'floor',
  'us a chunk, ours / no-op',
  ...['bare', 'headgate', 'no-op'].map((name) => `${name} p50 / p99 ms`),
  'first byte later ms, ours / no-op / asked as ours',
];
console.log(`| ${HEAD.join(' | ')} |\n|${' --- |'.repeat(HEAD.length)}`);
try {
  for (const one of cases()) console.log(row(one, await measure(sides, one)));
} finally {
  await stop();
}
process.exit(0);
