/** What a stream does as time goes by: it gives up waiting for a client, and speaks again of what would expire. */
import type { Snapshot } from './snapshot.ts';
import type { TypeState } from './type-state.ts';

/** Since when each of the things is awaited that a client owes; `performance.now()`. */
export function waitingSince(states: readonly TypeState[]): number[] {
  return states.flatMap((state) => [
    ...(state.outstanding === undefined || state.outstanding.overdue ? [] : [state.outstanding.sentAt]),
    ...state.awaited.map((entry) => entry.since),
  ]);
}

/** Gives up what is awaited since before `limit`. Returns the types of it. */
export function giveUp(states: readonly TypeState[], limit: number, reads: boolean): string[] {
  const silent = new Set<string>();
  for (const state of states) {
    const asked = state.awaited.filter((entry) => entry.since > limit);
    if (asked.length < state.awaited.length) silent.add(state.typeUrl);
    state.awaited = asked;
    const { outstanding } = state;
    // A client that does not even read gets nothing on top.
    if (outstanding?.overdue === false && outstanding.sentAt <= limit && reads) {
      outstanding.overdue = true;
      silent.add(state.typeUrl);
    }
  }
  return [...silent];
}

/** The shortest time to live among the types of a stream. */
export function shortestTtl(states: readonly TypeState[], serving: Snapshot | undefined): number | undefined {
  const ttls = states.flatMap(({ typeUrl }) => serving?.types.get(typeUrl)?.ttlMs ?? []);
  return ttls.length === 0 ? undefined : Math.min(...ttls);
}

/** Marks the types of which something would expire. */
export function markBeats(states: readonly TypeState[], serving: Snapshot | undefined): void {
  for (const state of states) state.beatDue = serving?.types.get(state.typeUrl)?.ttlMs !== undefined;
}
