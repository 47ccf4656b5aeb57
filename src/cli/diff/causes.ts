/** Which objects of the source a difference comes from. */
import { compareText } from '../../lib/compare.ts';
import { canonicalJson } from '../../lib/hash.ts';
import { formatObjectId, type LoadedObject } from '../../resources/index.ts';
import type { Change } from './side.ts';

/** An object that differs between two sources. */
export interface ChangedObject {
  /** `Kind/namespace/name`. */
  readonly object: string;
  readonly change: 'added' | 'removed' | 'changed';
  /** `FILE:LINE:COLUMN`, in the newer source where it is there. */
  readonly place?: string;
}

/** Further than this, a reference says nothing about a cause: from a BackendTLSPolicy to an AIServiceBackend it is two. */
const MAX_STEPS = 3;
/** Everything hangs on these, so a way through them connects what has nothing to do with each other. */
const HUBS: ReadonlySet<string> = new Set(['Gateway', 'GatewayClass', 'Namespace', 'ReferenceGrant']);

/** The objects that two sources do not have alike. */
export function changedObjects(before: readonly LoadedObject[], after: readonly LoadedObject[]): ChangedObject[] {
  const old = byId(before);
  const now = byId(after);
  return [...new Set([...old.keys(), ...now.keys()])].sort(compareText).flatMap((object): ChangedObject[] => {
    const [was, is] = [old.get(object), now.get(object)];
    if (was && is && canonicalJson(was.object) === canonicalJson(is.object)) return [];
    const change = was === undefined ? 'added' : is === undefined ? 'removed' : 'changed';
    const place = (is ?? was)?.locate([]);
    return [{ object, change, ...(place && { place: `${place.file}:${place.line}:${place.column}` }) }];
  });
}

function byId(objects: readonly LoadedObject[]): Map<string, LoadedObject> {
  return new Map(objects.map((loaded) => [formatObjectId(loaded.id), loaded]));
}

/** Finds causes among changed objects by the references of all objects; without objects, by names of resources alone. */
export function createCauseFinder(
  objects: readonly LoadedObject[],
  changed: readonly ChangedObject[],
): (change: Change) => string[] {
  const neighbours = connect(objects);
  const isChanged = new Set(changed.map(({ object }) => object));
  return (change) => {
    const roots = objectsOf(change);
    const near = nearest(roots, neighbours, isChanged);
    return near.length > 0 ? near : roots;
  };
}

/** The objects that a resource is made from, as its name and the names of its differing routes say. */
function objectsOf(change: Change): string[] {
  const routes = change.type === 'route' ? differingRoutes(change).flatMap((name) => objectOfName(name) ?? []) : [];
  const own = objectOfName(change.name);
  return routes.length > 0 || own === undefined ? [...new Set(routes)].sort(compareText) : [own];
}

/** `KIND/NAMESPACE/NAME/...` -> `KIND/NAMESPACE/NAME`. */
function objectOfName(name: string): string | undefined {
  const [, object] = /^([A-Z]\w*\/[^/]+\/[^/]+)/.exec(name) ?? [];
  return object;
}

function differingRoutes({ before, after }: Change): string[] {
  const old = namedRoutes(before?.resource);
  const now = namedRoutes(after?.resource);
  return [...new Set([...old.keys(), ...now.keys()])].filter((name) => old.get(name) !== now.get(name));
}

/** Each route that stands somewhere in a route configuration, by name: its text, and the entries of maps that lead to it. */
function namedRoutes(value: unknown, way = '', found = new Map<string, string>()): Map<string, string> {
  if (typeof value !== 'object' || value === null) return found;
  const { '@type': type, name } = value as Record<string, unknown>;
  if (type === 'type.googleapis.com/envoy.config.route.v3.Route' && typeof name === 'string') {
    found.set(name, `${found.get(name) ?? ''}${way}${canonicalJson(value)}`);
    return found;
  }
  for (const [field, item] of Object.entries(value)) {
    if (field !== 'map') namedRoutes(item, way, found);
    else for (const [entry, target] of Object.entries(item as object)) namedRoutes(target, `${way} ${entry}`, found);
  }
  return found;
}

type Neighbours = ReadonlyMap<string, ReadonlySet<string>>;

/** Changed objects in the fewest steps from where a resource comes from. */
function nearest(roots: readonly string[], neighbours: Neighbours, isChanged: ReadonlySet<string>): string[] {
  const seen = new Set(roots);
  let front = [...roots];
  for (let step = 0; step <= MAX_STEPS; step++) {
    const found = [...new Set(front)].filter((object) => isChanged.has(object));
    // A route says who uses a backend; what the backend is made of is nearer to the cause.
    const made = found.filter((object) => !/^\w*Route\//.test(object));
    if (found.length > 0) return (made.length > 0 ? made : found).sort(compareText);
    const open = front.filter((object) => step === 0 || !HUBS.has(object.slice(0, object.indexOf('/'))));
    front = open.flatMap((object) => [...(neighbours.get(object) ?? [])]).filter((object) => !seen.has(object));
    for (const object of front) seen.add(object);
  }
  return [];
}

/** Who refers to whom, in both directions. */
function connect(objects: readonly LoadedObject[]): Neighbours {
  const ids = new Set(objects.map(({ id }) => formatObjectId(id)));
  const kinds = new Set(objects.map(({ id }) => id.kind));
  const neighbours = new Map<string, Set<string>>();
  const link = (a: string, b: string): void => {
    const known = neighbours.get(a) ?? new Set();
    neighbours.set(a, known.add(b));
  };
  for (const { id, object } of objects) {
    const from = formatObjectId(id);
    for (const { kind, namespace = id.namespace, name } of referencesIn(object.spec)) {
      for (const candidate of kind === undefined ? kinds : [kind]) {
        for (const to of [`${candidate}/${namespace}/${name}`, `${candidate}/${name}`]) {
          if (!ids.has(to) || to === from) continue;
          link(from, to);
          link(to, from);
        }
      }
    }
  }
  return neighbours;
}

interface Reference {
  readonly kind?: string;
  readonly namespace?: string;
  readonly name: string;
}

/** Every object under a field named `...Ref` or `...Refs`. A kind may be left out: then any kind is meant. */
function referencesIn(value: unknown, isReference = false): Reference[] {
  if (Array.isArray(value)) return value.flatMap((item: unknown) => referencesIn(item, isReference));
  if (typeof value !== 'object' || value === null) return [];
  const { kind, namespace, name } = value as Record<string, unknown>;
  const own: Reference[] =
    isReference && typeof name === 'string'
      ? [{ name, ...(typeof kind === 'string' && { kind }), ...(typeof namespace === 'string' && { namespace }) }]
      : [];
  return [...own, ...Object.entries(value).flatMap(([key, item]) => referencesIn(item, /Refs?$/.test(key)))];
}
