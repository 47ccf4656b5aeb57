/**
 * Last accepted: what proxies rejected is kept away from all proxies of the same key, those that connect later included.
 * They get the last form of it that some proxy accepted, or nothing where there is none, until the snapshot has another.
 */
import type { Known } from './diff.ts';
import type { Rejection } from './ledger.ts';
import type { NameSet } from './names.ts';
import { assembleSnapshot, type EncodedResource, type Snapshot, type TypeSnapshot, typeSnapshot } from './snapshot.ts';
import { outlivesItsUsers } from './types.ts';

/** A resource that the snapshot has and proxies do not get, because proxies rejected it. */
export interface Withheld {
  readonly key: string;
  readonly typeUrl: string;
  readonly name: string;
  /** What is served instead: the last form that was accepted, or nothing. */
  readonly instead: 'accepted' | 'nothing';
  /** The proxy that rejected it first, how often it was rejected, and what was said first. */
  readonly nodeId: string;
  readonly count: number;
  readonly message: string;
  readonly time: string;
}

/** A form of a resource that proxies rejected. */
export interface RejectedForm {
  readonly typeUrl: string;
  readonly name: string;
  readonly version: string;
  /** Of the proxy that rejected it, without what might be secret. */
  readonly message: string;
  /** ISO 8601. */
  readonly time: string;
  /** Absent when something else is wanted by now. */
  readonly resource?: EncodedResource;
}

/** A response that was answered. */
export interface Answered {
  readonly names: NameSet;
  /** What it was made of. */
  readonly to: TypeSnapshot;
}

export interface Acceptance {
  /** Takes a snapshot over and publishes what of it may be served. */
  set(key: string, snapshot: Snapshot): void;
  delete(key: string): void;
  accept(key: string, answered: Answered): void;
  reject(key: string, nodeId: string, answered: Answered, rejection: Rejection): void;
  /** A client came back with this of a type; `known` is undefined where it says no names. */
  returned(key: string, typeUrl: string, known: Known | undefined): void;
  withheld(): Withheld[];
  /** The same of one key, in the form that was rejected. */
  rejectedOf(key: string): RejectedForm[];
  /** Gives all that is withheld another chance. */
  forgive(): void;
  /** What of a snapshot of a key some proxy accepted. */
  acceptedOf(key: string, snapshot: Snapshot): EncodedResource[];
  /** Begins a key with a snapshot of which some was accepted before this process. */
  restore(key: string, snapshot: Snapshot, accepted: Iterable<{ typeUrl: string; resource: EncodedResource }>): void;
  close(): void;
}

export interface AcceptanceOptions {
  readonly publish: (key: string, snapshot: Snapshot) => void;
  /** What is withheld has changed. */
  readonly onChange: () => void;
  /**
   * Between a rejection and its effect: where other proxies accept the same, it stands for the one that rejects it alone,
   * and their answers are on the way.
   */
  readonly settleMs: number;
}

interface Suspect {
  readonly version: string;
  readonly nodeId: string;
  readonly message: string;
  readonly time: string;
  count: number;
  instead: 'accepted' | 'nothing' | undefined;
}

type ByName<T> = Map<string, T>;

interface Entry {
  wanted: Snapshot;
  served: Snapshot;
  /** By type and name: the last form that some proxy accepted. */
  readonly accepted: Map<string, ByName<EncodedResource>>;
  /** Accepted once and no longer wanted; accepted forms of other resources may still name it. */
  readonly dropped: Map<string, ByName<{ readonly resource: EncodedResource; until: number }>>;
  readonly suspects: Map<string, ByName<Suspect>>;
  /** Names that proxies hold in a form that is not known here, since before this server began; `*` for any. */
  readonly foreign: Map<string, Set<string>>;
  seen: WeakSet<object>;
  steps: number;
  timer: NodeJS.Timeout | undefined;
}

/** For how many snapshots that drop nothing else a dropped resource is remembered. */
const REMEMBERED_STEPS = 16;

/** It is about the host of that one proxy; elsewhere, or the next time, the same may do. */
const LOCAL_FAILURE =
  /address already in use|cannot bind|cannot assign requested address|permission denied|no such file/i;

export function createAcceptance(options: AcceptanceOptions): Acceptance {
  const entries = new Map<string, Entry>();

  function settle(key: string, entry: Entry): void {
    clearTimeout(entry.timer);
    entry.timer = undefined;
    entry.served = serveable(entry);
    options.publish(key, entry.served);
    options.onChange();
  }

  function schedule(key: string, entry: Entry): void {
    if (entry.timer !== undefined) return;
    entry.timer = setTimeout(() => settle(key, entry), options.settleMs);
    entry.timer.unref();
  }

  return {
    set(key, snapshot) {
      const entry = entries.get(key) ?? newEntry(snapshot);
      entries.set(key, entry);
      if (entry.wanted !== snapshot) takeOver(entry, snapshot);
      const hadSuspects = entry.suspects.size > 0;
      forgiveChanged(entry);
      if (hadSuspects) settle(key, entry);
      else {
        entry.served = snapshot;
        options.publish(key, snapshot);
      }
    },
    delete(key) {
      clearTimeout(entries.get(key)?.timer);
      entries.delete(key);
    },
    accept(key, answered) {
      const entry = entries.get(key);
      // Streams share responses: what the first of them accepted is known of all.
      if (entry === undefined || entry.seen.has(answered.names)) return;
      entry.seen.add(answered.names);
      if (noteAccepted(entry, answered)) schedule(key, entry);
    },
    reject(key, nodeId, answered, rejection) {
      const entry = entries.get(key);
      // Which of them it is about is being looked for.
      if (rejection.searching) return;
      if (entry !== undefined && noteRejected(entry, nodeId, answered, rejection)) schedule(key, entry);
    },
    returned(key, typeUrl, known) {
      const entry = entries.get(key);
      if (entry === undefined) return;
      if (known === undefined) bucket(entry.foreign, typeUrl, () => new Set<string>()).add('*');
      else if (!entry.seen.has(known)) {
        entry.seen.add(known);
        noteReturned(entry, typeUrl, known);
      }
    },
    withheld: () => [...entries].flatMap(([key, entry]) => withheldOf(key, entry)),
    rejectedOf(key) {
      const entry = entries.get(key);
      return entry === undefined ? [] : rejectedForms(entry);
    },
    forgive() {
      for (const [key, entry] of entries) {
        if (entry.suspects.size === 0) continue;
        entry.suspects.clear();
        settle(key, entry);
      }
    },
    acceptedOf(key, snapshot) {
      const entry = entries.get(key);
      return [...snapshot.types.values()].flatMap(({ typeUrl, resources }) => {
        const accepted = entry?.accepted.get(typeUrl);
        return [...resources.values()].filter(({ name, version }) => accepted?.get(name)?.version === version);
      });
    },
    restore(key, snapshot, accepted) {
      const entry = newEntry(snapshot);
      for (const { typeUrl, resource } of accepted) {
        bucket(entry.accepted, typeUrl, () => new Map<string, EncodedResource>()).set(resource.name, resource);
      }
      entries.set(key, entry);
    },
    close() {
      for (const { timer } of entries.values()) clearTimeout(timer);
      entries.clear();
    },
  };
}

function newEntry(snapshot: Snapshot): Entry {
  return {
    wanted: snapshot,
    served: snapshot,
    accepted: new Map(),
    dropped: new Map(),
    suspects: new Map(),
    foreign: new Map(),
    seen: new WeakSet(),
    steps: 0,
    timer: undefined,
  };
}

function bucket<T>(map: Map<string, T>, typeUrl: string, create: () => T): T {
  const found = map.get(typeUrl) ?? create();
  map.set(typeUrl, found);
  return found;
}

function wantedForm(entry: Entry, typeUrl: string, name: string): EncodedResource | undefined {
  return entry.wanted.types.get(typeUrl)?.resources.get(name);
}

/** Another snapshot is wanted: sorts what was accepted into what it still has and what it drops. */
function takeOver(entry: Entry, next: Snapshot): void {
  const previous = entry.wanted;
  entry.wanted = next;
  entry.seen = new WeakSet();
  entry.steps += 1;
  // What is served instead of something rejected may need all of it, for as long as that takes.
  const stays = isSubstituting(entry);
  for (const [typeUrl, names] of entry.dropped) {
    for (const [name, item] of names) {
      if (stays) item.until = entry.steps + REMEMBERED_STEPS;
      if (wantedForm(entry, typeUrl, name) !== undefined) {
        bucket(entry.accepted, typeUrl, () => new Map()).set(name, item.resource);
        names.delete(name);
      } else if (item.until < entry.steps) names.delete(name);
    }
  }
  for (const [typeUrl, names] of entry.accepted) {
    if (previous.types.get(typeUrl) === next.types.get(typeUrl)) continue;
    for (const [name, resource] of names) {
      if (wantedForm(entry, typeUrl, name) !== undefined) continue;
      names.delete(name);
      if (!outlivesItsUsers(typeUrl)) continue;
      const until = entry.steps + REMEMBERED_STEPS;
      bucket(entry.dropped, typeUrl, () => new Map()).set(name, { resource, until });
    }
  }
}

/** A rejection counts for what was rejected: what differs from that gets its own chance. */
function forgiveChanged(entry: Entry): void {
  for (const [typeUrl, names] of entry.suspects) {
    for (const [name, { version }] of names) {
      if (wantedForm(entry, typeUrl, name)?.version !== version) names.delete(name);
    }
    if (names.size === 0) entry.suspects.delete(typeUrl);
  }
}

/** Returns whether something was accepted that others had rejected. */
function noteAccepted(entry: Entry, { names, to }: Answered): boolean {
  const { typeUrl } = to;
  const accepted = bucket(entry.accepted, typeUrl, () => new Map<string, EncodedResource>());
  const suspects = entry.suspects.get(typeUrl);
  let cleared = false;
  for (const name of names.names) {
    const resource = to.resources.get(name);
    const wanted = wantedForm(entry, typeUrl, name);
    if (resource === undefined || wanted === undefined) continue;
    // A late answer to an older form.
    if (resource !== wanted && accepted.get(name)?.version === wanted.version) continue;
    accepted.set(name, resource);
    cleared ||= suspects?.get(name)?.version === resource.version;
  }
  return cleared;
}

/** Returns whether something new is suspect. */
function noteRejected(entry: Entry, nodeId: string, { names, to }: Answered, rejection: Rejection): boolean {
  const { typeUrl } = to;
  const blamed = rejection.resources.length > 0;
  let found = false;
  for (const name of blamed ? rejection.resources : names.names) {
    const version = to.resources.get(name)?.version;
    const accepted = entry.accepted.get(typeUrl)?.get(name);
    if (version === undefined || version !== wantedForm(entry, typeUrl, name)?.version) continue;
    if (accepted?.version === version) continue;
    // Without a name it may be any of them: back to what is known to be good, where there is such a thing.
    if (accepted === undefined && (!blamed || LOCAL_FAILURE.test(rejection.message))) continue;
    const suspects = bucket(entry.suspects, typeUrl, () => new Map<string, Suspect>());
    const known = suspects.get(name);
    if (known?.version === version) known.count += 1;
    else {
      const { message, time } = rejection;
      suspects.set(name, { version, nodeId, message, time, count: 1, instead: undefined });
      found = true;
    }
  }
  return found;
}

/** What a client holds in the form that is wanted was accepted; what it holds in another must not be taken from it. */
function noteReturned(entry: Entry, typeUrl: string, known: Known): void {
  const accepted = bucket(entry.accepted, typeUrl, () => new Map<string, EncodedResource>());
  for (const [name, { version }] of known.resources) {
    const wanted = wantedForm(entry, typeUrl, name);
    if (wanted?.version === version) accepted.set(name, wanted);
    else if (wanted !== undefined && !accepted.has(name)) {
      bucket(entry.foreign, typeUrl, () => new Set<string>()).add(name);
    }
  }
}

function isSubstituting(entry: Entry): boolean {
  for (const names of entry.suspects.values()) {
    for (const { instead } of names.values()) if (instead === 'accepted') return true;
  }
  return false;
}

/** The wanted snapshot, with the last accepted form of what is suspect and with what these forms may need. */
function serveable(entry: Entry): Snapshot {
  const { wanted } = entry;
  const types = new Map(wanted.types);
  for (const [typeUrl, suspects] of entry.suspects) {
    const type = wanted.types.get(typeUrl);
    const resources = new Map(type?.resources);
    for (const [name, suspect] of suspects) {
      const accepted = entry.accepted.get(typeUrl)?.get(name);
      suspect.instead = insteadOf(entry, typeUrl, name, suspect, accepted);
      if (suspect.instead === undefined) suspects.delete(name);
      else if (accepted === undefined) resources.delete(name);
      else resources.set(name, accepted);
    }
    if (suspects.size === 0) entry.suspects.delete(typeUrl);
    else types.set(typeUrl, typeSnapshot(typeUrl, resources, type));
  }
  if (isSubstituting(entry)) {
    for (const [typeUrl, dropped] of entry.dropped) {
      const resources = new Map(types.get(typeUrl)?.resources);
      for (const [name, { resource }] of dropped) if (!resources.has(name)) resources.set(name, resource);
      types.set(typeUrl, typeSnapshot(typeUrl, resources, types.get(typeUrl)));
    }
  }
  return assembleSnapshot(types, wanted);
}

function insteadOf(
  { foreign }: Entry,
  typeUrl: string,
  name: string,
  { version }: Suspect,
  accepted: EncodedResource | undefined,
): Suspect['instead'] {
  if (accepted !== undefined) return accepted.version === version ? undefined : 'accepted';
  // To a proxy that holds an older form, nothing would be worse than what it rejects.
  const held = foreign.get(typeUrl);
  return held?.has('*') || held?.has(name) ? undefined : 'nothing';
}

function withheldOf(key: string, entry: Entry): Withheld[] {
  return [...entry.suspects].flatMap(([typeUrl, names]) =>
    [...names].flatMap(([name, { instead, nodeId, count, message, time }]) =>
      instead === undefined ? [] : [{ key, typeUrl, name, instead, nodeId, count, message, time }],
    ),
  );
}

function rejectedForms(entry: Entry): RejectedForm[] {
  return [...entry.suspects].flatMap(([typeUrl, names]) =>
    [...names].flatMap(([name, { instead, version, message, time }]) => {
      const resource = wantedForm(entry, typeUrl, name);
      return instead === undefined ? [] : [{ typeUrl, name, version, message, time, ...(resource && { resource }) }];
    }),
  );
}
