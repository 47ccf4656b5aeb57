/** One server under one fleet: a cold start, then changes, each until nothing moves any more. */
import { type Subject, startSubject } from './processes.ts';

export type Variant = 'delta' | 'sotw';
export type Server = 'headgate' | 'snapshot' | 'linear';
export const CHANGES = ['endpoint', 'cluster', 'route'] as const;
export type Change = (typeof CHANGES)[number];

/** What is measured against what. */
export interface Case {
  readonly variant: Variant;
  readonly clients: number;
  readonly resources: number;
  readonly changes: readonly Change[];
}

/** Shape: milliseconds and megabytes; bytes of all clients together, both directions. */
export interface Cost {
  readonly cpu: number;
  readonly time: number;
  readonly bytes: number;
}

export interface Measurement {
  readonly cold: Cost;
  /** Medians over the rounds. */
  readonly changes: Partial<Record<Change, Cost>>;
  /** Bytes that a publish without a change causes. */
  readonly nothing: number;
  readonly idle: number;
  readonly peak: number;
}

/** Where the parts of the benchmark are. */
export interface Parts {
  /** The Go program. */
  readonly program: string;
  /** The built product. */
  readonly dist: string;
  resourceFile(count: number): string;
}

const TYPES: Record<Change, string> = {
  endpoint: 'envoy.config.endpoint.v3.ClusterLoadAssignment',
  cluster: 'envoy.config.cluster.v3.Cluster',
  route: 'envoy.config.route.v3.RouteConfiguration',
};

const LIMIT_MS = 180_000;
const QUIET_MS = 150;
// Where one round takes seconds, others would add little but time.
const ROUNDS_MS = 3000;

/** Starts a server with its resources. */
export function startServer(server: Server, variant: Variant, resources: number, parts: Parts): Promise<Subject> {
  const file = parts.resourceFile(resources);
  const script = new URL('server.mjs', import.meta.url).pathname;
  if (server === 'headgate') return startSubject(0, process.execPath, ['--expose-gc', script, parts.dist, file]);
  // The flag orders the types of SotW streams; delta streams do not look at it.
  if (server === 'snapshot')
    return startSubject(0, parts.program, ['snapshot', file, variant === 'sotw' ? 'ads' : 'plain']);
  return startSubject(0, parts.program, ['linear', file]);
}

export function startFleet(server: Subject, variant: Variant, parts: Parts): Promise<Subject> {
  return startSubject(1, parts.program, ['fleet', String(server.ready.port), variant]);
}

/** One server in one case; undefined where a client did not get in time what it waits for. */
export async function measureWithin(
  server: Server,
  one: Case,
  rounds: number,
  parts: Parts,
): Promise<Measurement | undefined> {
  try {
    return await measure(server, one, rounds, parts);
  } catch (caught) {
    if (!(caught instanceof TooSlow)) throw caught;
    console.log(`${caught.message}: given up after ${LIMIT_MS / 1000} s\n`);
    return undefined;
  }
}

class TooSlow extends Error {}

/** Measures one server in one case. Errors: throws when a client does not get what it waits for. */
export async function measure(server: Server, one: Case, rounds: number, parts: Parts): Promise<Measurement> {
  const subject = await startServer(server, one.variant, one.resources, parts);
  const fleet = await startFleet(subject, one.variant, parts);
  const meter = createMeter(subject, fleet, `${server}, ${describeCase(one)}`);
  try {
    const idle = subject.memory().now;
    const cold = await meter(() => fleet.ask(`start ${one.clients} ${LIMIT_MS}`));
    const changes: Partial<Record<Change, Cost>> = {};
    for (const change of one.changes) {
      const publish = async (round: number): Promise<Outcome> => {
        await fleet.ask(`expect ${TYPES[change]}`);
        const { begin } = await subject.ask(`publish ${change} ${round}`);
        return { ...(await fleet.ask(`wait ${LIMIT_MS}`)), begin };
      };
      changes[change] = await repeat(rounds, (round) => meter(() => publish(round)));
    }
    const nothing = await meter(() => subject.ask('publish none 0'));
    return { cold, changes, nothing: nothing.bytes, idle, peak: subject.memory().peak };
  } finally {
    await fleet.stop();
    await subject.stop();
  }
}

/** Measures an act until nothing moves any more. */
function createMeter(subject: Subject, fleet: Subject, where: string): (act: () => Promise<Outcome>) => Promise<Cost> {
  return async (act) => {
    const before = await fleet.ask('quiet 0');
    const cpu = subject.cpuMs();
    const { begin = 0, done = 0, remaining = 0 } = await act();
    if (remaining > 0) throw new TooSlow(`${where}: ${remaining} clients did not get what they wait for`);
    const after = await settle(subject, fleet);
    const bytes = (after.in ?? 0) + (after.out ?? 0) - (before.in ?? 0) - (before.out ?? 0);
    return { cpu: subject.cpuMs() - cpu, time: done - begin, bytes };
  };
}

/** Waits until nothing arrives any more and the server has nothing left to do. */
async function settle(subject: Subject, fleet: Subject): Promise<Record<string, number>> {
  for (;;) {
    const cpu = subject.cpuMs();
    const counters = await fleet.ask(`quiet ${QUIET_MS}`);
    if (subject.cpuMs() - cpu < QUIET_MS / 3) return counters;
  }
}

type Outcome = { begin?: number | undefined; done?: number | undefined; remaining?: number | undefined };

/** Bytes of heap before and after many changes, while clients are connected that never read. */
export async function measureStalled(
  server: Server,
  clients: number,
  resources: number,
  parts: Parts,
): Promise<{ empty: number; first: number; last: number; rounds: number }> {
  const subject = await startServer(server, 'delta', resources, parts);
  const fleet = await startFleet(subject, 'delta', parts);
  const rounds = 20;
  const heap = async (): Promise<number> => (await subject.ask('heap')).heap ?? 0;
  try {
    const empty = await heap();
    await fleet.ask(`stall ${clients}`);
    await new Promise((resolve) => setTimeout(resolve, 1500));
    const publishAll = async (round: number): Promise<void> => {
      for (const change of ['endpoint', 'cluster']) await subject.ask(`publish ${change} ${round}`);
    };
    await publishAll(1);
    const first = await heap();
    for (let round = 2; round <= rounds; round++) await publishAll(round);
    return { empty, first, last: await heap(), rounds };
  } finally {
    await fleet.stop();
    await subject.stop();
  }
}

export function describeCase({ variant, clients, resources }: Case): string {
  return `${variant}, ${number(clients)} ${clients === 1 ? 'client' : 'clients'} x ${number(resources)} clusters`;
}

function number(value: number): string {
  return value.toLocaleString('en-US');
}

/** The median of up to that many rounds. */
async function repeat(rounds: number, measureRound: (round: number) => Promise<Cost>): Promise<Cost> {
  const begin = performance.now();
  const costs: Cost[] = [];
  for (let round = 1; round <= rounds; round++) {
    if (round > 1 && performance.now() - begin > ROUNDS_MS) break;
    costs.push(await measureRound(round));
  }
  return medianCost(costs);
}

function medianCost(costs: readonly Cost[]): Cost {
  const median = (pick: (cost: Cost) => number): number => {
    const sorted = costs.map(pick).sort((a, b) => a - b);
    return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
  };
  return { cpu: median((c) => c.cpu), time: median((c) => c.time), bytes: median((c) => c.bytes) };
}
