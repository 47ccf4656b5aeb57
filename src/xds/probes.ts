/** Parts of a rejected response, to be sent alone. */
import { createNameSet, type NameSet } from './names.ts';
import { carry, type TypeState } from './type-state.ts';

/** Parts of a rejected response that are sent alone at most: enough for one culprit among thousands. */
export const MAX_PROBES = 32;

/** Both halves of a set. */
export function halves({ names }: NameSet): NameSet[] {
  const all = [...names];
  const middle = Math.ceil(all.length / 2);
  return [createNameSet(all.slice(0, middle)), createNameSet(all.slice(middle))];
}

/** The next part of a rejected response to be sent alone. */
export function takeProbe(state: TypeState): NameSet | undefined {
  const probe = state.probes.shift();
  if (probe !== undefined) state.probesLeft -= 1;
  return probe;
}

/** Something newer goes out: the parts that were to be sent alone go along with it. */
export function abandonProbes(state: TypeState): void {
  for (const set of state.probes) carry(state, set);
  state.probes = [];
}
