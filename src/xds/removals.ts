/** When what a new snapshot drops may be taken away from a client: once nothing that it runs can still name it. */
import { assembleSnapshot, type EncodedResource, type Snapshot, typeSnapshot } from './snapshot.ts';
import type { TypeState } from './type-state.ts';
import { isFullState, usesSupply } from './types.ts';

/** What a client was given. */
export interface Held {
  readonly snapshot: Snapshot;
  /** It has not answered for all of it. */
  readonly unsettled: boolean;
}

/**
 * What a SotW client runs of what it was given: of what it rejected the form before, where it had one. Of the types of
 * which an answer holds everything it would be told what it rejected once more, for as long as that is not removed.
 */
export function withoutRejected(given: Snapshot, states: readonly TypeState[]): Snapshot {
  const types = new Map(given.types);
  for (const { typeUrl, rejected, certain } of states) {
    const type = given.types.get(typeUrl);
    if (type === undefined || rejected.size === 0 || !isFullState(typeUrl)) continue;
    const resources = new Map(type.resources);
    for (const { name, version, accepted } of rejected.values()) {
      if (resources.get(name)?.version !== version) continue;
      const before = certain.resources.get(name);
      if (accepted === undefined) resources.delete(name);
      else if (before?.version === accepted && 'any' in before) resources.set(name, before as EncodedResource);
    }
    types.set(typeUrl, typeSnapshot(typeUrl, resources, type));
  }
  return assembleSnapshot(types, given);
}

/** Something rejected is still wanted: instead of it the client runs what it had, and needs what that names. */
export function runsWhatItHad(
  states: readonly TypeState[],
  goal: Snapshot | undefined,
  serving: Snapshot | undefined,
): boolean {
  return states.some(({ typeUrl, rejection, rejected }) => {
    if (rejection?.standing !== true) return false;
    const wanted = goal?.types.get(typeUrl);
    const served = serving?.types.get(typeUrl);
    if (rejected.size === 0) return wanted?.version === served?.version;
    return [...rejected.keys()].some((name) => {
      const version = wanted?.resources.get(name)?.version;
      return version !== undefined && version === served?.resources.get(name)?.version;
    });
  });
}

/** A client that comes back asks for one type after the other: whether it has asked for all that may name others. */
export function usersHaveCome(goal: Snapshot, asksFor: (typeUrl: string) => boolean): boolean {
  for (const { typeUrl, resources } of goal.types.values()) {
    if (resources.size > 0 && usesSupply(typeUrl) && !asksFor(typeUrl)) return false;
  }
  return true;
}
