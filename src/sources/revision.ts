import { canonicalJson, contentHash } from '../lib/hash.ts';
import type { ObjectId, UnknownObject } from '../resources/object.ts';

/** The order of objects in a set: by group, kind, namespace and name. */
export function identityKey(id: ObjectId): string {
  return [id.group, id.kind, id.namespace, id.name].join('\u0000');
}

/**
 * The hash of a revision: of what the objects say, whatever the files, their order, their layout and their comments.
 * Shape: objects as written, variables replaced, before defaults, in the order of their identity.
 */
export function revisionHash(objects: readonly UnknownObject[]): string {
  return contentHash(...objects.map(canonicalJson));
}
