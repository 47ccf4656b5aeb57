/** What a response speaks of: what changed, as far as it is subscribed to, and what was asked for. */
import type { Diffs, Known } from './diff.ts';
import { globOf, inGlob, type NameSet } from './names.ts';
import { type EncodedResource, findResource, type TypeSnapshot } from './snapshot.ts';
import { matches, matchesResource, type Subscription } from './subscription.ts';

export interface Selection {
  readonly resources: Map<string, EncodedResource>;
  readonly removed: Set<string>;
  /** Names that were asked for and do not exist. */
  readonly missing: Set<string>;
}

export interface SelectionQuery {
  readonly subscription: Subscription;
  readonly known: Known;
  readonly to: TypeSnapshot;
}

/** What changed between what is known and what shall be. */
export function selectChanges({ subscription, known, to }: SelectionQuery, diffs: Diffs): Selection {
  const selection: Selection = { resources: new Map(), removed: new Set(), missing: new Set() };
  const { resources, removed } = selection;
  if (known.version === to.version) return selection;
  const diff = diffs.between(known, to);
  const oneByOne = !subscription.wildcard && subscription.globs.length === 0 && !(to.aliases ?? known.aliases);
  if (!oneByOne || subscription.names.size > diff.upserts.length + diff.removed.length) {
    for (const resource of diff.upserts) {
      if (matchesResource(subscription, resource)) resources.set(resource.name, resource);
    }
    for (const name of diff.removed) {
      if (matchesResource(subscription, { ...known.resources.get(name), name })) removed.add(name);
    }
    return selection;
  }
  for (const name of subscription.names) {
    const resource = to.resources.get(name);
    const held = known.resources.get(name);
    if (resource === undefined) {
      if (held !== undefined) removed.add(name);
    } else if (held?.version !== resource.version) resources.set(name, resource);
  }
  return selection;
}

/** Adds what is asked for by name, whether it changed or not. */
export function selectNames(set: NameSet, { subscription, to }: SelectionQuery, selection: Selection): void {
  for (const name of set.names) {
    if (!matches(subscription, name)) continue;
    const found = findResource(to, name);
    if (found !== undefined) selection.resources.set(found.name, found);
    else if (!selectGlob(name, to, selection)) selection.missing.add(name);
  }
}

function selectGlob(name: string, to: TypeSnapshot, selection: Selection): boolean {
  const glob = globOf(name);
  if (glob === undefined) return false;
  let any = false;
  for (const resource of to.resources.values()) {
    if (!inGlob(glob, resource.name)) continue;
    any = true;
    selection.resources.set(resource.name, resource);
  }
  return any;
}

/** Everything that is subscribed to. */
export function selectAll(
  { subscription, to }: Omit<SelectionQuery, 'known'>,
  into: Map<string, EncodedResource>,
): void {
  for (const resource of to.resources.values()) {
    if (matchesResource(subscription, resource)) into.set(resource.name, resource);
  }
}
