/**
 * Builds responses. A response is a function of (variant, type, subscription, what the client knows, what it shall know,
 * names that must be spoken of); streams that agree in all of these share its bytes.
 */
import { createLru } from '../lib/lru.ts';
import type { Diffs, Known } from './diff.ts';
import { createNameSet, fingerprint, type NameSet } from './names.ts';
import { type Selection, selectAll, selectChanges, selectNames } from './selection.ts';
import { type EncodedResource, findResource, type TypeSnapshot } from './snapshot.ts';
import type { Subscription } from './subscription.ts';
import { isFullState, TYPE } from './types.ts';
import { encodeDeltaResponse, encodeSotwResponse, type WireResource } from './wire.ts';

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
  /** The client knows what a time to live is. */
  readonly withTtl: boolean;
}

export type BeatQuery = Pick<ResponseQuery, 'variant' | 'subscription' | 'to'>;

const NO_NEWS = { asked: [], carried: [], owed: false, keepRemoved: false } as const;

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
  /** A heartbeat for what expires. Undefined when nothing of the subscription does. */
  beat(query: BeatQuery): SharedResponse | undefined;
  /** The version that a client of this subscription has when it is up to date. */
  version(variant: Variant, subscription: Subscription, to: TypeSnapshot): string;
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
        parts.push(name, findResource(to, name)?.version ?? '');
      }
      if (subscription.globs.length > 0) {
        const resources = new Map<string, EncodedResource>();
        selectAll({ subscription, to }, resources);
        for (const name of [...resources.keys()].sort()) parts.push(name, resources.get(name)?.version ?? '');
      }
      return fingerprint(...parts).slice(0, 16);
    });
  }

  function build(query: ResponseQuery): SharedResponse | undefined {
    const { variant, subscription, to } = query;
    const changes = selectChanges(query, diffs);
    if (query.keepRemoved) changes.removed.clear();
    for (const set of query.asked) selectNames(set, query, changes);
    const { resources, removed, missing } = changes;
    if (query.keepRemoved) for (const name of missing) if (query.known.resources.has(name)) missing.delete(name);
    const news = resources.size > 0 || removed.size > 0 || missing.size > 0 || query.owed;
    const fullState = variant === 'sotw' && isFullState(to.typeUrl);
    if (!news && !(fullState && query.asked.length > 0)) return undefined;
    for (const set of query.carried) selectNames(set, query, changes);
    const spokenOf = [...resources.values()];
    if (fullState) {
      resources.clear();
      selectAll(query, resources);
    }
    // A SotW client learns of a removal by what a full-state answer lacks, and of other types' removals not at all.
    if (variant === 'sotw' && !fullState && resources.size === 0 && !query.owed) return undefined;
    const label = version(variant, subscription, to);
    return {
      version: label,
      names: createNameSet([...resources.keys(), ...removed, ...missing]),
      requires: collectRequires(spokenOf),
      body: encode(query, label, [...resources.values()], changes),
    };
  }

  function encode(
    { variant, to, withTtl, owed }: ResponseQuery,
    label: string,
    resources: readonly WireResource[],
    { removed, missing }: Pick<Selection, 'removed' | 'missing'>,
  ): Buffer {
    if (variant === 'sotw') return encodeSotwResponse(to.typeUrl, label, resources, withTtl);
    // A proxy that waits for a virtual host wants an answer under the name that it asked for, be there one or not, and
    // before it listens at all one for each route configuration.
    const asEmpty = to.typeUrl === TYPE.virtualHost;
    const begins = owed ? [...new Set([...to.resources.keys()].map((name) => name.replace(/[^/]*$/, '')))] : [];
    const empty = asEmpty ? [...begins, ...missing].map((name) => ({ name, version: '', aliases: [name] })) : [];
    const gone = asEmpty ? [...removed] : [...new Set([...removed, ...missing])];
    return encodeDeltaResponse(to.typeUrl, label, [...resources, ...empty], gone, withTtl);
  }

  /** Says of what expires that it is still the same. A full state has to hold all of it. */
  function buildBeat(query: BeatQuery): SharedResponse | undefined {
    const { variant, subscription, to } = query;
    const all = new Map<string, EncodedResource>();
    selectAll(query, all);
    const full = variant === 'sotw' && isFullState(to.typeUrl);
    const beats = [...all.values()].filter((resource) => full || resource.ttlMs !== undefined);
    if (beats.length === 0) return undefined;
    const label = version(variant, subscription, to);
    const resources = full ? beats : beats.map(({ any: _same, ...rest }) => rest);
    const nothing = { removed: new Set<string>(), missing: new Set<string>() };
    return {
      version: label,
      names: createNameSet(beats.map(({ name }) => name)),
      requires: new Map(),
      body: encode({ ...query, ...NO_NEWS, known: to, withTtl: true }, label, resources, nothing),
    };
  }

  return {
    version,
    get(query) {
      const extra = `${query.asked.map((set) => set.key).join('+')} ${query.carried.map((set) => set.key).join('+')}`;
      const { variant, subscription, known, to, owed, keepRemoved, withTtl } = query;
      const flags = `${owed} ${keepRemoved} ${withTtl && to.ttlMs !== undefined}`;
      const key = `${variant} ${flags} ${to.typeUrl} ${subscription.key} ${known.version} ${to.version} ${extra}`;
      return store.take(key, () => ({ response: build(query) })).response;
    },
    beat(query) {
      const key = `beat ${query.variant} ${query.to.typeUrl} ${query.subscription.key} ${query.to.version}`;
      return store.take(key, () => ({ response: buildBeat(query) })).response;
    },
  };
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
