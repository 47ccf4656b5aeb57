import type { Budget, Budgets } from '../ratelimit/index.ts';
import { formatTable } from './output.ts';

/** Buckets for people: whose, how much of what is used, until when. */
export function budgetsText({ budgets, isPartial }: Budgets): string {
  if (budgets.length === 0) return 'No bucket is in use.\n';
  const rows = budgets.map((budget) => [
    String(Math.max(0, budget.limit - budget.used)),
    String(budget.used),
    String(budget.reserved),
    String(budget.limit),
    formatSeconds(budget.resetSeconds),
    ...whose(budget),
  ]);
  const table = formatTable(['LEFT', 'USED', 'RESERVED', 'LIMIT', 'RESETS IN', 'OF', 'BUCKET'], rows);
  return `${table}${isPartial ? '\nThere are more, with more left.\n' : ''}`;
}

function whose({ domain, entries, shadow }: Budget): [string, string] {
  const [first, ...rest] = entries;
  const own = first?.key === 'limit' && domain === 'headgate';
  const clients = (own ? rest : entries).filter(({ key }) => !(own && key === 'match'));
  const name = own ? first.value : domain;
  return [clients.map(({ key, value }) => `${key}=${value}`).join(' ') || '-', `${name}${shadow ? ' (shadow)' : ''}`];
}

const STEPS = [
  [86_400, 'd'],
  [3600, 'h'],
  [60, 'm'],
] as const;

/** `2d4h`: two parts are enough. */
function formatSeconds(seconds: number): string {
  const parts: string[] = [];
  let rest = seconds;
  for (const [length, letter] of STEPS) {
    const count = Math.floor(rest / length);
    if (count > 0) parts.push(`${count}${letter}`);
    rest -= count * length;
  }
  if (rest > 0 || parts.length === 0) parts.push(`${rest}s`);
  return parts.slice(0, 2).join('');
}
