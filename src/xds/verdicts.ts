/**
 * What proxies of one key said of each resource: accepted, rejected, or held since before this server began. And what of a
 * snapshot may be served after that. Values alone; when it counts is decided in accepted.ts.
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

interface Suspect {
  readonly version: string;
  readonly nodeId: string;
  readonly message: string;
  readonly time: string;
  count: number;
  instead: 'accepted' | 'nothing' | undefined;
}

type ByName<T> = Map<string, T>;

/** Of one key. */
export interface Verdicts {
  wanted: Snapshot;
  /** By type and name: the last form that some proxy accepted. */
  readonly accepted: Map<string, ByName<EncodedResource>>;
  /** Accepted once and no longer wanted; accepted forms of other resources may still name it. */
  readonly dropped: Map<string, ByName<{ readonly resource: EncodedResource; until: number }>>;
  readonly suspects: Map<string, ByName<Suspect>>;
  /** Names that proxies hold in a form that is not known here, since before this server began; `*` for any. */
  readonly foreign: Map<string, Set<string>>;
  /** What has been counted already: streams share responses, and clients come back with the same. */
  seen: WeakSet<object>;
  steps: number;
}

/** For how many snapshots that drop nothing else a dropped resource is remembered. */
const REMEMBERED_STEPS = 16;

/** It is about the host of that one proxy; elsewhere, or the next time, the same may do. */
const LOCAL_FAILURE =
  /address already in use|cannot bind|cannot assign requested address|permission denied|no such file/i;

/** None yet; `accepted` was, before this process. */
export function createVerdicts(
  snapshot: Snapshot,
  accepted: Iterable<{ readonly typeUrl: string; readonly resource: EncodedResource }> = [],
): Verdicts {
  const verdicts: Verdicts = {
    wanted: snapshot,
    accepted: new Map(),
    dropped: new Map(),
    suspects: new Map(),
    foreign: new Map(),
    seen: new WeakSet(),
    steps: 0,
  };
  for (const { typeUrl, resource } of accepted) {
    bucket(verdicts.accepted, typeUrl, () => new Map<string, EncodedResource>()).set(resource.name, resource);
  }
  return verdicts;
}

function bucket<T>(map: Map<string, T>, typeUrl: string, create: () => T): T {
  const found = map.get(typeUrl) ?? create();
  map.set(typeUrl, found);
  return found;
}

function wantedForm(verdicts: Verdicts, typeUrl: string, name: string): EncodedResource | undefined {
  return verdicts.wanted.types.get(typeUrl)?.resources.get(name);
}

/** Another snapshot is wanted: sorts what was accepted into what it still has and what it drops. */
export function takeOver(verdicts: Verdicts, next: Snapshot): void {
  const previous = verdicts.wanted;
  verdicts.wanted = next;
  verdicts.seen = new WeakSet();
  verdicts.steps += 1;
  // What is served instead of something rejected may need all of it, for as long as that takes.
  const stays = isSubstituting(verdicts);
  for (const [typeUrl, names] of verdicts.dropped) {
    for (const [name, item] of names) {
      if (stays) item.until = verdicts.steps + REMEMBERED_STEPS;
      if (wantedForm(verdicts, typeUrl, name) !== undefined) {
        bucket(verdicts.accepted, typeUrl, () => new Map()).set(name, item.resource);
        names.delete(name);
      } else if (item.until < verdicts.steps) names.delete(name);
    }
  }
  for (const [typeUrl, names] of verdicts.accepted) {
    if (previous.types.get(typeUrl) === next.types.get(typeUrl)) continue;
    for (const [name, resource] of names) {
      if (wantedForm(verdicts, typeUrl, name) !== undefined) continue;
      names.delete(name);
      if (!outlivesItsUsers(typeUrl)) continue;
      const until = verdicts.steps + REMEMBERED_STEPS;
      bucket(verdicts.dropped, typeUrl, () => new Map()).set(name, { resource, until });
    }
  }
}

/** A rejection counts for what was rejected: what differs from that gets its own chance. */
export function forgiveChanged(verdicts: Verdicts): void {
  for (const [typeUrl, names] of verdicts.suspects) {
    for (const [name, { version }] of names) {
      if (wantedForm(verdicts, typeUrl, name)?.version !== version) names.delete(name);
    }
    if (names.size === 0) verdicts.suspects.delete(typeUrl);
  }
}

/** Returns whether something was accepted that others had rejected. */
export function noteAccepted(verdicts: Verdicts, { names, to }: Answered): boolean {
  if (verdicts.seen.has(names)) return false;
  verdicts.seen.add(names);
  const { typeUrl } = to;
  const accepted = bucket(verdicts.accepted, typeUrl, () => new Map<string, EncodedResource>());
  const suspects = verdicts.suspects.get(typeUrl);
  let cleared = false;
  for (const name of names.names) {
    const resource = to.resources.get(name);
    const wanted = wantedForm(verdicts, typeUrl, name);
    if (resource === undefined || wanted === undefined) continue;
    // A late answer to an older form.
    if (resource !== wanted && accepted.get(name)?.version === wanted.version) continue;
    accepted.set(name, resource);
    cleared ||= suspects?.get(name)?.version === resource.version;
  }
  return cleared;
}

/** Returns whether something new is suspect. */
export function noteRejected(
  verdicts: Verdicts,
  nodeId: string,
  { names, to }: Answered,
  rejection: Rejection,
): boolean {
  const { typeUrl } = to;
  const blamed = rejection.resources.length > 0;
  let found = false;
  for (const name of blamed ? rejection.resources : names.names) {
    const version = to.resources.get(name)?.version;
    const accepted = verdicts.accepted.get(typeUrl)?.get(name);
    if (version === undefined || version !== wantedForm(verdicts, typeUrl, name)?.version) continue;
    if (accepted?.version === version) continue;
    // Without a name it may be any of them: back to what is known to be good, where there is such a thing.
    if (accepted === undefined && (!blamed || LOCAL_FAILURE.test(rejection.message))) continue;
    const suspects = bucket(verdicts.suspects, typeUrl, () => new Map<string, Suspect>());
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

/**
 * What a client comes back with in the form that is wanted was accepted; what it holds in another must not be taken from
 * it. `known` is undefined where it says no names.
 */
export function noteReturned(verdicts: Verdicts, typeUrl: string, known: Known | undefined): void {
  if (known === undefined) {
    bucket(verdicts.foreign, typeUrl, () => new Set<string>()).add('*');
    return;
  }
  if (verdicts.seen.has(known)) return;
  verdicts.seen.add(known);
  const accepted = bucket(verdicts.accepted, typeUrl, () => new Map<string, EncodedResource>());
  for (const [name, { version }] of known.resources) {
    const wanted = wantedForm(verdicts, typeUrl, name);
    if (wanted?.version === version) accepted.set(name, wanted);
    else if (wanted !== undefined && !accepted.has(name)) {
      bucket(verdicts.foreign, typeUrl, () => new Set<string>()).add(name);
    }
  }
}

function isSubstituting(verdicts: Verdicts): boolean {
  for (const names of verdicts.suspects.values()) {
    for (const { instead } of names.values()) if (instead === 'accepted') return true;
  }
  return false;
}

/** The wanted snapshot, with the last accepted form of what is suspect and with what these forms may need. */
export function serveable(verdicts: Verdicts): Snapshot {
  const { wanted } = verdicts;
  const types = new Map(wanted.types);
  for (const [typeUrl, suspects] of verdicts.suspects) {
    const type = wanted.types.get(typeUrl);
    const resources = new Map(type?.resources);
    for (const [name, suspect] of suspects) {
      const accepted = verdicts.accepted.get(typeUrl)?.get(name);
      suspect.instead = insteadOf(verdicts, typeUrl, name, suspect, accepted);
      if (suspect.instead === undefined) suspects.delete(name);
      else if (accepted === undefined) resources.delete(name);
      else resources.set(name, accepted);
    }
    if (suspects.size === 0) verdicts.suspects.delete(typeUrl);
    else types.set(typeUrl, typeSnapshot(typeUrl, resources, type));
  }
  if (isSubstituting(verdicts)) {
    for (const [typeUrl, dropped] of verdicts.dropped) {
      const resources = new Map(types.get(typeUrl)?.resources);
      for (const [name, { resource }] of dropped) if (!resources.has(name)) resources.set(name, resource);
      types.set(typeUrl, typeSnapshot(typeUrl, resources, types.get(typeUrl)));
    }
  }
  return assembleSnapshot(types, wanted);
}

function insteadOf(
  { foreign }: Verdicts,
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

export function withheldOf(key: string, verdicts: Verdicts): Withheld[] {
  return [...verdicts.suspects].flatMap(([typeUrl, names]) =>
    [...names].flatMap(([name, { instead, nodeId, count, message, time }]) =>
      instead === undefined ? [] : [{ key, typeUrl, name, instead, nodeId, count, message, time }],
    ),
  );
}

/** What of a snapshot some proxy accepted. */
export function acceptedOf({ accepted }: Verdicts, snapshot: Snapshot): EncodedResource[] {
  return [...snapshot.types.values()].flatMap(({ typeUrl, resources }) => {
    const forms = accepted.get(typeUrl);
    return [...resources.values()].filter(({ name, version }) => forms?.get(name)?.version === version);
  });
}

export function rejectedForms(verdicts: Verdicts): RejectedForm[] {
  return [...verdicts.suspects].flatMap(([typeUrl, names]) =>
    [...names].flatMap(([name, { instead, version, message, time }]) => {
      const resource = wantedForm(verdicts, typeUrl, name);
      return instead === undefined ? [] : [{ typeUrl, name, version, message, time, ...(resource && { resource }) }];
    }),
  );
}
