/** What a stream subscribes to of one type. Subscriptions are values, shared by all streams that made the same requests. */
import { createLru, type Lru } from '../lib/lru.ts';
import type { Known } from './diff.ts';
import { createNameSet, fingerprint, type Glob, globOf, inGlob, type NameList, type NameSet } from './names.ts';

export interface Subscription {
  readonly key: string;
  readonly wildcard: boolean;
  /** A SotW client that never named anything: empty lists keep meaning "all". */
  readonly legacy: boolean;
  /** Names asked for one by one, also beside a wildcard. */
  readonly names: ReadonlySet<string>;
  /** The collections among the names. */
  readonly globs: readonly Glob[];
}

export interface SubscriptionChange {
  readonly next: Subscription;
  /** Names that the next answer must speak of, though nothing about them may have changed. */
  readonly asked?: NameSet;
  /** A wildcard begins: whatever the client knew, it gets everything. */
  readonly startsWildcard: boolean;
}

export interface Subscriptions {
  /** SotW: each request repeats the whole list. `previous` is undefined for the first request of a type. */
  sotw(previous: Subscription | undefined, list: NameList): SubscriptionChange;
  /** Delta: what is added and dropped. */
  delta(previous: Subscription | undefined, subscribe: NameList, unsubscribe: NameList): SubscriptionChange;
  /** Exactly these names. */
  exactly(names: Iterable<string>): Subscription;
  /** Whether every one of the names is subscribed to. */
  covers(subscription: Subscription, set: NameSet): boolean;
  /** Those of the names that are subscribed to and that the client holds already. */
  held(subscription: Subscription, known: Known, set: NameSet): NameSet;
  /** Those of the names that the client does not hold yet. Of collections it says itself what it holds. */
  unknown(known: Known, set: NameSet): NameSet;
}

// Bounds what the memo keeps of subscriptions that no stream has any more.
const MAX_SHARED_NAMES = 200_000;

const NO_SET: ReadonlySet<string> = new Set();
const EMPTY_SET = createNameSet([]);
const NOTHING: Subscription = { key: '-', wildcard: false, legacy: false, names: NO_SET, globs: [] };
const ALL: Subscription = { key: '*', wildcard: true, legacy: true, names: NO_SET, globs: [] };

export function matches({ wildcard, names, globs }: Subscription, name: string): boolean {
  return wildcard || names.has(name) || (globs.length > 0 && globs.some((glob) => inGlob(glob, name)));
}

/** Whether a resource is subscribed to, by its name or by another that it goes by. */
export function matchesResource(
  subscription: Subscription,
  { name, aliases }: { readonly name: string; readonly aliases?: readonly string[] },
): boolean {
  return matches(subscription, name) || aliases?.some((alias) => subscription.names.has(alias)) === true;
}

/** What a client of the subscription holds when it is up to date. */
export function subscribedPart(known: Known, subscription: Subscription): Known {
  if (subscription.wildcard) return known;
  return { ...known, resources: new Map([...known.resources].filter(([name]) => matches(subscription, name))) };
}

/** Creates the memo of subscription steps: a step that another stream has made is only looked up. */
export function createSubscriptions(): Subscriptions {
  const steps: Lru<SubscriptionChange> = createLru(
    MAX_SHARED_NAMES,
    ({ next, asked }) => 1 + next.names.size + (asked?.names.size ?? 0),
  );
  const pool: Lru<Subscription> = createLru(MAX_SHARED_NAMES, ({ names }) => 1 + names.size);
  const selections: Lru<NameSet> = createLru(MAX_SHARED_NAMES, ({ names }) => 1 + names.size);
  const coverage: Lru<{ covered: boolean }> = createLru(1024);

  function intern(wildcard: boolean, names: ReadonlySet<string>): Subscription {
    if (!wildcard && names.size === 0) return NOTHING;
    const key = (wildcard ? '* ' : '') + fingerprint(...[...names].sort());
    return pool.take(key, () => {
      const globs = [...names].flatMap((name) => globOf(name) ?? []);
      return { key, wildcard, legacy: false, names, globs };
    });
  }

  function sotwStep(previous: Subscription | undefined, list: NameList): SubscriptionChange {
    if (list.count === 0) {
      // "All" for a client that never named anything, "nothing any more" for one that did.
      const next = previous === undefined || previous.legacy ? ALL : NOTHING;
      return { next, startsWildcard: next.wildcard && previous?.wildcard !== true };
    }
    const names = new Set(list.decode());
    const wildcard = names.delete('*');
    const next = intern(wildcard, names);
    const added = [...names].filter((name) => previous?.names.has(name) !== true);
    return change(previous, next, added);
  }

  function deltaStep(
    previous: Subscription | undefined,
    subscribe: NameList,
    unsubscribe: NameList,
  ): SubscriptionChange {
    if (previous === undefined && subscribe.count === 0) return { next: ALL, startsWildcard: true };
    const names = new Set(previous?.names);
    let wildcard = previous?.wildcard ?? false;
    const asked = new Set<string>();
    for (const name of unsubscribe.decode()) {
      if (name === '*') wildcard = false;
      else {
        names.delete(name);
        asked.add(name);
      }
    }
    // A name that is dropped while all are subscribed to stays with the client: the server has to say what it is now.
    if (!wildcard) asked.clear();
    for (const name of subscribe.decode()) {
      if (name === '*') wildcard = true;
      else {
        names.add(name);
        // Also a name that was subscribed to before: the client may have dropped it meanwhile.
        asked.add(name);
      }
    }
    const next: Subscription = wildcard && names.size === 0 && previous?.legacy ? ALL : intern(wildcard, names);
    return change(previous, next, asked);
  }

  function change(previous: Subscription | undefined, next: Subscription, asked: Iterable<string>): SubscriptionChange {
    const startsWildcard = next.wildcard && previous?.wildcard !== true;
    // What the client held by name may be gone: everything it named is spoken of again.
    const set = createNameSet(startsWildcard ? [...asked, ...(previous?.names ?? [])] : asked);
    return { next, startsWildcard, ...(set.names.size === 0 ? {} : { asked: set }) };
  }

  return {
    sotw(previous, list) {
      if (list.count === 0) return sotwStep(previous, list);
      return steps.take(`s ${previous?.key} ${list.key}`, () => sotwStep(previous, list));
    },
    delta(previous, subscribe, unsubscribe) {
      if (previous !== undefined && subscribe.count === 0 && unsubscribe.count === 0) {
        return { next: previous, startsWildcard: false };
      }
      const legacy = previous?.legacy === true ? 'l' : '';
      const key = `d ${legacy}${previous?.key} ${subscribe.key} ${unsubscribe.key}`;
      return steps.take(key, () => deltaStep(previous, subscribe, unsubscribe));
    },
    exactly: (names) => intern(false, new Set(names)),
    covers(subscription, set) {
      if (subscription.wildcard) return true;
      return coverage.take(`${subscription.key} ${set.key}`, () => {
        for (const name of set.names) if (!matches(subscription, name)) return { covered: false };
        return { covered: true };
      }).covered;
    },
    held(subscription, known, set) {
      if (known.resources.size === 0) return EMPTY_SET;
      return selections.take(`h ${subscription.key} ${known.version} ${set.key}`, () =>
        createNameSet([...set.names].filter((name) => matches(subscription, name) && known.resources.has(name))),
      );
    },
    unknown(known, set) {
      return selections.take(`u ${known.version} ${set.key}`, () =>
        createNameSet([...set.names].filter((name) => !known.resources.has(name) && globOf(name) === undefined)),
      );
    },
  };
}
