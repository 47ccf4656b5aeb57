import { canonicalJson, contentHash } from '../lib/hash.ts';
import type { ObjectId, UnknownObject } from '../resources/object.ts';

/** The order of objects in a set: by group, kind, namespace and name. */
export function identityKey(id: ObjectId): string {
  return [id.group, id.kind, id.namespace, id.name].join('\u0000');
}

/** The digest of one object as written: variables replaced, before defaults. */
export function objectDigest(object: UnknownObject): string {
  return contentHash(canonicalJson(object));
}

/**
 * The hash of a revision: of what the objects say, whatever the files, their order, their layout and their comments.
 * Shape: digests of the objects in the order of their identity.
 */
export function revisionHash(digests: readonly string[]): string {
  return contentHash(...digests);
}
