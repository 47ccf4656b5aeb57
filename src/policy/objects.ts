import { compareText } from '../lib/compare.ts';
import { suggestWord } from '../lib/suggest.ts';
import {
  isValidOf,
  type Kind,
  type LoadedObject,
  type ObjectOf,
  type ObjectSet,
  type UnknownObject,
} from '../resources/index.ts';

/** The objects of a set by kind and by name, valid or not, in order of age (see `byAge`). */
export interface ObjectIndex {
  all(kind: Kind): readonly LoadedObject[];
  find(kind: Kind, namespace: string, name: string): LoadedObject | undefined;
  /** The name a misspelt one most likely meant, for a hint. */
  hint(kind: Kind, namespace: string, name: string): string | undefined;
}

/** Indexes a set once. */
export function indexObjects(set: ObjectSet): ObjectIndex {
  const byKind = new Map<string, LoadedObject[]>();
  const byName = new Map<string, LoadedObject>();
  for (const loaded of set.objects) {
    const { group, kind, namespace, name } = loaded.id;
    const list = byKind.get(`${group}/${kind}`);
    if (list) list.push(loaded);
    else byKind.set(`${group}/${kind}`, [loaded]);
    byName.set(`${group}/${kind}/${namespace}/${name}`, loaded);
  }
  for (const list of byKind.values()) list.sort(byAge);
  const all = (kind: Kind): readonly LoadedObject[] => byKind.get(`${kind.group}/${kind.kind}`) ?? [];
  const find: ObjectIndex['find'] = (kind, namespace, name) =>
    byName.get(`${kind.group}/${kind.kind}/${kind.namespaced ? namespace : ''}/${name}`);
  // One missing object may be named by every route, and to guess its name takes all others.
  const hints = new Map<string, string | undefined>();
  return {
    all,
    find,
    hint(kind, namespace, name) {
      const key = `${kind.group}/${kind.kind}/${namespace}/${name}`;
      if (!hints.has(key)) hints.set(key, guessName(all(kind), kind, namespace, name));
      return hints.get(key);
    },
  };
}

function guessName(objects: readonly LoadedObject[], kind: Kind, namespace: string, name: string): string | undefined {
  const near = objects.filter(({ id }) => !kind.namespaced || id.namespace === namespace).map(({ id }) => id.name);
  const meant = suggestWord(name, near);
  if (meant !== undefined) return `did you mean ${JSON.stringify(meant)}?`;
  const elsewhere = objects.find(({ id }) => id.name === name);
  return elsewhere && `there is one in namespace ${elsewhere.id.namespace}`;
}
/** The valid objects of a kind, typed. */
export function validOf<K extends Kind>(index: ObjectIndex, kind: K): LoadedObject<ObjectOf<K>>[] {
  const out: LoadedObject<ObjectOf<K>>[] = [];
  for (const loaded of index.all(kind)) if (isValidOf(loaded, kind)) out.push(loaded);
  return out;
}

/** Seconds since 1970 at which Kubernetes created the object; undefined for objects of files. */
export function createdAt(object: UnknownObject): number | undefined {
  return parseSeconds(object.metadata.creationTimestamp);
}

/** Seconds since 1970 of an RFC 3339 time. */
export function parseSeconds(text: string | undefined): number | undefined {
  const ms = text === undefined ? Number.NaN : Date.parse(text);
  return Number.isNaN(ms) ? undefined : Math.floor(ms / 1000);
}

/**
 * Who goes first where two objects claim the same: the older, then namespace and name. Objects without a creation time
 * (of files) come after those with one.
 * Source: Gateway API, conflict resolution.
 */
export function byAge(a: LoadedObject, b: LoadedObject): number {
  const ageA = createdAt(a.object) ?? Number.POSITIVE_INFINITY;
  const ageB = createdAt(b.object) ?? Number.POSITIVE_INFINITY;
  if (ageA !== ageB) return ageA < ageB ? -1 : 1;
  return (
    compareText(a.id.namespace, b.id.namespace) ||
    compareText(a.id.name, b.id.name) ||
    compareText(a.id.kind, b.id.kind) ||
    compareText(a.id.group, b.id.group)
  );
}

/** `NAMESPACE/NAME` of an object. */
export function keyOf(loaded: LoadedObject): string {
  return `${loaded.id.namespace}/${loaded.id.name}`;
}

/** Whether a reference's group and kind name this kind. */
export function isKind(ref: { readonly group: string; readonly kind: string }, kind: Kind): boolean {
  return ref.group === kind.group && ref.kind === kind.kind;
}
