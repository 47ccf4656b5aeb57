import { modelOf } from '../../ir/index.ts';
import type { Report } from '../report.ts';
import { conditionsOf, type HostRoute } from './precedence.ts';

/** Notes which matches can never serve, because another one with the same conditions comes first. */
export interface Shadows {
  /** Takes the routes of one host in order of precedence. */
  note(ranked: readonly HostRoute[]): void;
  /** A match is reported when it is hidden in every host it stands in. */
  report(to: Report): void;
}

interface Entry {
  readonly hidden: HostRoute;
  hosts: number;
  winners: HostRoute[];
}

/** Creates an empty note. */
export function createShadows(): Shadows {
  const entries = new Map<string, Entry>();
  return {
    note(ranked) {
      const plain = new Map<string, HostRoute>();
      const inference = new Map<string, HostRoute>();
      for (const one of ranked) {
        const { match, name } = one.route;
        const key = conditionsOf(match);
        // A plain route takes every path, inference endpoints too; an inference route takes nothing from a plain one.
        const winner = plain.get(key) ?? (match.inference ? inference.get(key) : undefined);
        const entry = entries.get(name) ?? { hidden: one, hosts: 0, winners: [] };
        entries.set(name, entry);
        entry.hosts += 1;
        if (winner) entry.winners.push(winner);
        else (match.inference ? inference : plain).set(key, one);
      }
    },
    report(to) {
      for (const { hidden, hosts, winners } of entries.values()) {
        const [winner] = winners;
        if (!winner || winners.length < hosts) continue;
        // Saying the same twice within one rule does no harm.
        if (winner.source === hidden.source && winner.rule === hidden.rule) continue;
        reportHidden(hidden, winner, to);
      }
    },
  };
}

function reportHidden(hidden: HostRoute, winner: HostRoute, to: Report): void {
  const { source, rule, order } = hidden;
  const rulePath = ['spec', 'rules', rule];
  const other = winner.source === source ? `rule ${winner.rule}` : `rule ${winner.rule} of ${winner.source.name}`;
  const model = modelOf(hidden.route);
  if (model !== undefined) {
    const message = `model ${JSON.stringify(model)} is already matched by ${other}, which wins`;
    to.warning('HG0308', source.loaded, [...rulePath, 'matches', order[2]], message);
    return;
  }
  to.warning('HG0302', source.loaded, rulePath, `never matches: ${other} has the same conditions and comes first`);
}
