/** Prints measurements side by side, and what they are of the targets. */
import { type Case, CHANGES, type Cost, describeCase, type Measurement, type Server } from './measure.ts';

/** A reference may be too slow to be measured. */
export type Results = { readonly headgate: Measurement } & Readonly<
  Record<Exclude<Server, 'headgate'>, Measurement | undefined>
>;

/** The numbers of one case as lines of a Markdown table. */
export function renderCase(one: Case, results: Results): string {
  const lines = [
    `### ${describeCase(one)}`,
    '',
    '| | headgate | SnapshotCache | LinearCache | ratios |',
    '|---|---|---|---|---|',
  ];
  const row = (name: string, pick: (m: Measurement) => number | undefined, unit: string): void => {
    const ours = pick(results.headgate);
    if (ours === undefined) return;
    const theirs = [results.snapshot, results.linear].map((measurement) => measurement && pick(measurement));
    const cells = [ours, ...theirs].map((value) => (value === undefined ? '-' : `${short(value)} ${unit}`));
    const ratios = theirs.map((value) => (value === undefined ? '-' : ratio(ours, value)));
    lines.push(`| ${name} | ${cells.join(' | ')} | ${ratios.join(' / ')} |`);
  };
  const perClient = (cost: Cost | undefined): number | undefined => cost && cost.bytes / one.clients / 1024;
  const costRows = (name: string, pick: (m: Measurement) => Cost | undefined): void => {
    row(`${name}: CPU`, (m) => pick(m)?.cpu, 'ms');
    row(`${name}: until the last ACK`, (m) => pick(m)?.time, 'ms');
    row(`${name}: bytes a client`, (m) => perClient(pick(m)), 'KB');
  };
  costRows('cold start', (m) => m.cold);
  for (const change of CHANGES) costRows(`one ${change} changes`, (m) => m.changes[change]);
  row('a publish that changes nothing', (m) => m.nothing / one.clients / 1024, 'KB');
  row('idle memory', (m) => m.idle, 'MB');
  row('peak memory', (m) => m.peak, 'MB');
  return `${lines.join('\n')}\n`;
}

interface Target {
  readonly case: Pick<Case, 'variant' | 'clients' | 'resources'>;
  readonly name: string;
  readonly pick: (m: Measurement) => number | undefined;
  /** The most that ours may be of SnapshotCache and LinearCache. */
  readonly snapshot: number;
  readonly linear: number;
}

const BIG = { variant: 'delta', clients: 1000, resources: 1000 } as const;

const TARGETS: readonly Target[] = [
  { case: BIG, name: 'cold start: CPU', pick: (m) => m.cold.cpu, snapshot: 0.12, linear: 0.35 },
  { case: BIG, name: 'one endpoint changes: CPU', pick: (m) => m.changes.endpoint?.cpu, snapshot: 0.25, linear: 0.15 },
  {
    case: BIG,
    name: 'one endpoint changes: time',
    pick: (m) => m.changes.endpoint?.time,
    snapshot: 0.25,
    linear: 0.12,
  },
  { case: BIG, name: 'one cluster changes: CPU', pick: (m) => m.changes.cluster?.cpu, snapshot: 0.1, linear: 0.25 },
  { case: BIG, name: 'one cluster changes: time', pick: (m) => m.changes.cluster?.time, snapshot: 0.25, linear: 0.5 },
  { case: BIG, name: 'one route changes: CPU', pick: (m) => m.changes.route?.cpu, snapshot: 0.08, linear: 1 },
  { case: BIG, name: 'one route changes: time', pick: (m) => m.changes.route?.time, snapshot: 0.15, linear: 1.2 },
  { case: BIG, name: 'peak memory', pick: (m) => m.peak, snapshot: 0.25, linear: 0.25 },
  { case: BIG, name: 'cold start: bytes', pick: (m) => m.cold.bytes, snapshot: 0.88, linear: 0.88 },
  {
    case: { ...BIG, variant: 'sotw' },
    name: 'one cluster changes: CPU',
    pick: (m) => m.changes.cluster?.cpu,
    snapshot: 0.05,
    linear: 0.4,
  },
  {
    case: { variant: 'delta', clients: 100, resources: 10_000 },
    name: 'one endpoint changes: CPU',
    pick: (m) => m.changes.endpoint?.cpu,
    snapshot: 0.03,
    linear: 0.03,
  },
];

const IDLE_TARGET_MB = 90;

/** The targets that the measured cases speak of, met or not. */
export function renderTargets(measured: readonly { one: Case; results: Results }[], stalled: StalledGrowth): string {
  const lines = ['### Targets', '', '| | ratios | targets | |', '|---|---|---|---|'];
  const row = (name: string, value: string, target: string, met: boolean): void => {
    lines.push(`| ${name} | ${value} | ${target} | ${met ? 'met' : '**not met**'} |`);
  };
  for (const target of TARGETS) {
    const found = measured.find(({ one }) => sameCase(one, target.case));
    if (found === undefined) continue;
    const { headgate, snapshot, linear } = found.results;
    const ours = target.pick(headgate);
    const [first, second] = [snapshot, linear].map((measurement) => measurement && target.pick(measurement));
    if (ours === undefined || first === undefined || second === undefined) continue;
    row(
      `${describeCase(found.one)}, ${target.name}`,
      `${ratio(ours, first)} / ${ratio(ours, second)}`,
      `${target.snapshot} / ${target.linear}`,
      ours / first <= target.snapshot && ours / second <= target.linear,
    );
  }
  const nothing = Math.max(...measured.map(({ results }) => results.headgate.nothing));
  row('a publish that changes nothing', `${nothing} bytes`, '0 bytes', nothing === 0);
  const idle = measured.find(({ one }) => one.resources === 1000)?.results.headgate.idle ?? 0;
  row(
    'memory of the idle server with 1,000 clusters',
    `${short(idle)} MB`,
    `${IDLE_TARGET_MB} MB`,
    idle < IDLE_TARGET_MB,
  );
  const growth = (stalled.last - stalled.first) / 1024 ** 2;
  row(
    `${stalled.clients} clients that never read: heap after ${stalled.rounds} rounds of changes, over that after one`,
    `${growth.toFixed(2)} MB (${short(stalled.first / 1024 ** 2)} MB, ${short(stalled.empty / 1024 ** 2)} MB without clients)`,
    'does not grow (1 MB)',
    growth < 1,
  );
  return `${lines.join('\n')}\n`;
}

export interface StalledGrowth {
  readonly clients: number;
  readonly empty: number;
  readonly first: number;
  readonly last: number;
  readonly rounds: number;
}

function sameCase(one: Case, other: Target['case']): boolean {
  return one.variant === other.variant && one.clients === other.clients && one.resources === other.resources;
}

function ratio(ours: number, theirs: number): string {
  if (theirs === 0) return ours === 0 ? '1' : 'more';
  return (ours / theirs).toFixed(ours / theirs < 0.1 ? 3 : 2);
}

function short(value: number): string {
  return value >= 100 ? value.toFixed(0) : value.toFixed(value >= 10 ? 1 : 2);
}
