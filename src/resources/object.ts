import type { FieldPath, Finding, Place } from '../lib/findings.ts';

/** What identifies an object: API group (empty for core), kind, namespace (empty for cluster-scoped kinds) and name. */
export interface ObjectId {
  readonly group: string;
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
}

/** The Kubernetes metadata that Headgate reads. */
export interface ObjectMeta {
  readonly name: string;
  readonly namespace?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
  /** RFC 3339. Set by Kubernetes; files may carry it. */
  readonly creationTimestamp?: string;
  readonly generation?: number;
  readonly uid?: string;
}

/** Any Kubernetes object, before its kind is known. */
export interface UnknownObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: ObjectMeta;
  readonly [key: string]: unknown;
}

/** Finds the place of a field in its source; falls back to the nearest parent that stands there. */
export type Locate = (path: FieldPath) => Place | undefined;

/**
 * One object of a revision, as a source read it.
 * Shape: `object` has defaults applied where `valid` is true, and is as written (metadata alone is certain) otherwise.
 */
export interface LoadedObject<T extends UnknownObject = UnknownObject> {
  readonly id: ObjectId;
  readonly object: T;
  /** False when schema or rules refuse it: it is isolated, and its traffic is answered with 500. */
  readonly valid: boolean;
  readonly locate: Locate;
}

/** Identity of the content that was read. */
export interface Revision {
  /** Content hash of all objects, independent of files and their order. */
  readonly hash: string;
  /** Commit of the Git work tree that holds the source, where there is one. */
  readonly commit?: string;
}

/** All that a source holds at one moment. */
export interface ObjectSet {
  readonly revision: Revision;
  /** In order of group, kind, namespace and name. */
  readonly objects: readonly LoadedObject[];
  readonly findings: readonly Finding[];
}

/** `Kind/namespace/name`, or `Kind/name` for cluster-scoped kinds: the form of `Finding.object`. */
export function formatObjectId(id: ObjectId): string {
  return id.namespace === '' ? `${id.kind}/${id.name}` : `${id.kind}/${id.namespace}/${id.name}`;
}

/** Group of an `apiVersion`: empty for core kinds. */
export function groupOf(apiVersion: string): string {
  const slash = apiVersion.indexOf('/');
  return slash < 0 ? '' : apiVersion.slice(0, slash);
}
