/**
 * Builds responses. A response is a function of (variant, type, subscription, what the client knows, what it shall know,
 * names that must be spoken of); streams that agree in all of these share its bytes.
 */
import { createLru } from '../lib/lru.ts';
import type { Diffs, Known } from './diff.ts';
import { createNameSet, fingerprint, type NameSet } from './names.ts';
import type { EncodedResource, TypeSnapshot } from './snapshot.ts';
import { matches, type Subscription } from './subscription.ts';
import { isFullState } from './types.ts';
import { encodeDeltaResponse, encodeSotwResponse } from './wire.ts';

export type Variant = 'sotw' | 'delta';

export interface ResponseQuery {
  readonly variant: Variant;
  readonly subscription: Subscription;
  readonly known: Known;
  readonly to: TypeSnapshot;
  /** Names that the answer has to speak of. */
  readonly asked: readonly NameSet[];
  /** Names that go along when there is something else to say. */
  readonly carried: readonly NameSet[];
  /** An empty answer is an answer too. */
  readonly owed: boolean;
  /** Nothing is said yet of what went. */
  readonly keepRemoved: boolean;
}

/** An assembled response, all but its nonce. */
export interface SharedResponse {
  readonly body: Buffer;
  readonly version: string;
  /** Everything the response speaks of. */
  readonly names: NameSet;
  /** By type: what the resources need that the response is sent for. */
  readonly requires: ReadonlyMap<string, NameSet>;
}

export interface Responses {
  /** Undefined when there is nothing to say. */
  get(query: ResponseQuery): SharedResponse | undefined;
  /** The version that a client of this subscription has when it is up to date. */
  version(variant: Variant, subscription: Subscription, to: TypeSnapshot): string;
}

interface Selection {
  readonly resources: Map<string, EncodedResource>;
  readonly removed: Set<string>;
}

/** Creates the store of shared responses. */
export function createResponses(diffs: Diffs, maxBytes: number): Responses {
  const store = createLru<{ response: SharedResponse | undefined }>(maxBytes, ({ response }) =>
    response === undefined ? 200 : 400 + response.body.length + 40 * response.names.names.size,
  );
  const versions = createLru<string>(4096);

  function version(variant: Variant, subscription: Subscription, to: TypeSnapshot): string {
    // A SotW client says at reconnection only which version it has of the type, so that this version covers exactly the
    // names that it asked for. In delta it says it resource by resource.
    if (variant === 'delta' || subscription.wildcard) return to.version;
    return versions.take(`${subscription.key} ${to.typeUrl} ${to.version}`, () => {
      const parts: string[] = [];
      for (const name of [...subscription.names].sort()) {
        parts.push(name, to.resources.get(name)?.version ?? '');
      }
      return fingerprint(...parts).slice(0, 16);
    });
  }

  function build(query: ResponseQuery): SharedResponse | undefined {
    const { subscription, to } = query;
    const changes = selectChanges(query, diffs);
    if (query.keepRemoved) changes.removed.clear();
    for (const set of query.asked) addNames(set, query, changes);
    const news = changes.resources.size > 0 || changes.removed.size > 0 || query.owed;
    const fullState = query.variant === 'sotw' && isFullState(to.typeUrl);
    if (!news && !(fullState && query.asked.length > 0)) return undefined;
    for (const set of query.carried) addNames(set, query, changes);
    const spokenOf = [...changes.resources.values()];
    if (fullState) {
      changes.resources.clear();
      for (const r of to.resources.values()) if (matches(subscription, r.name)) changes.resources.set(r.name, r);
    }
    // A SotW client learns of a removal by what a full-state answer lacks, and of other types' removals not at all.
    const resources = [...changes.resources.values()];
    if (query.variant === 'sotw' && !fullState && resources.length === 0 && !query.owed) return undefined;
    const label = version(query.variant, subscription, to);
    const removed = [...changes.removed];
    return {
      version: label,
      names: createNameSet([...changes.resources.keys(), ...removed]),
      requires: collectRequires(spokenOf),
      body:
        query.variant === 'sotw'
          ? encodeSotwResponse(to.typeUrl, label, resources)
          : encodeDeltaResponse(to.typeUrl, label, resources, removed),
    };
  }

  return {
    version,
    get(query) {
      const extra = `${query.asked.map((set) => set.key).join('+')} ${query.carried.map((set) => set.key).join('+')}`;
      const { variant, subscription, known, to, owed, keepRemoved } = query;
      const key = `${variant} ${owed} ${keepRemoved} ${to.typeUrl} ${subscription.key} ${known.version} ${to.version} ${extra}`;
      return store.take(key, () => ({ response: build(query) })).response;
    },
  };
}

/** What changed between what is known and what shall be, as far as it is subscribed to. */
function selectChanges({ subscription, known, to }: ResponseQuery, diffs: Diffs): Selection {
  const resources = new Map<string, EncodedResource>();
  const removed = new Set<string>();
  if (known.version === to.version) return { resources, removed };
  const diff = diffs.between(known, to);
  if (subscription.wildcard || subscription.names.size > diff.upserts.length + diff.removed.length) {
    for (const resource of diff.upserts) {
      if (matches(subscription, resource.name)) resources.set(resource.name, resource);
    }
    for (const name of diff.removed) if (matches(subscription, name)) removed.add(name);
    return { resources, removed };
  }
  for (const name of subscription.names) {
    const resource = to.resources.get(name);
    const held = known.resources.get(name);
    if (resource === undefined) {
      if (held !== undefined) removed.add(name);
    } else if (held?.version !== resource.version) resources.set(name, resource);
  }
  return { resources, removed };
}

function addNames(set: NameSet, { subscription, to }: ResponseQuery, selection: Selection): void {
  for (const name of set.names) {
    const resource = to.resources.get(name);
    if (resource !== undefined) {
      if (matches(subscription, name)) selection.resources.set(name, resource);
    } else if (matches(subscription, name)) selection.removed.add(name);
  }
}

function collectRequires(resources: readonly EncodedResource[]): ReadonlyMap<string, NameSet> {
  const byType = new Map<string, Set<string>>();
  for (const resource of resources) {
    for (const { typeUrl, name } of resource.requires ?? []) {
      const names = byType.get(typeUrl) ?? new Set();
      byType.set(typeUrl, names.add(name));
    }
  }
  return new Map([...byType].map(([typeUrl, names]) => [typeUrl, createNameSet(names)]));
}
