import type { Static, TObject, TProperties } from 'typebox';
import type { ObjectMeta } from './object.ts';

/** One kind of object: its names, versions and schema. */
export interface Kind<P extends TProperties = TProperties, Name extends string = string> {
  /** API group, empty for core kinds. */
  readonly group: string;
  readonly kind: Name;
  readonly plural: string;
  readonly namespaced: boolean;
  /** Versions a user may write, newest first. All have the same schema. */
  readonly versions: readonly string[];
  /** The version objects are kept in: `validateObject` rewrites `apiVersion` to it. */
  readonly storageVersion: string;
  /** Versions of `versions` that answer with a warning. */
  readonly deprecatedVersions: readonly string[];
  /** The object's fields beside `apiVersion`, `kind` and `metadata`; usually `spec` and `status`. */
  readonly schema: TObject<P>;
  /** Form of `metadata.name`. */
  readonly nameFormat: 'subdomain' | 'label' | 'label-1035';
  /** Fields that are accepted and validated, but have no effect yet: `spec.rules[*].timeouts`. */
  readonly laterFields: readonly string[];
  readonly shortNames?: readonly string[];
  /** Labels of the CustomResourceDefinition, where it has some. */
  readonly crdLabels?: Readonly<Record<string, string>>;
}

interface KindInput<P extends TProperties, Name extends string> {
  readonly group: string;
  readonly kind: Name;
  readonly plural: string;
  readonly namespaced?: boolean;
  readonly versions: readonly string[];
  readonly storageVersion?: string;
  readonly deprecatedVersions?: readonly string[];
  readonly schema: TObject<P>;
  readonly nameFormat?: Kind['nameFormat'];
  readonly laterFields?: readonly string[];
  readonly shortNames?: readonly string[];
  readonly crdLabels?: Readonly<Record<string, string>>;
}

/** Describes a kind: namespaced and stored in its first version unless said otherwise. */
export function defineKind<P extends TProperties, const Name extends string>(input: KindInput<P, Name>): Kind<P, Name> {
  return {
    namespaced: true,
    storageVersion: input.versions[0] ?? '',
    deprecatedVersions: [],
    nameFormat: 'subdomain',
    laterFields: [],
    ...input,
  };
}

/** The type of a kind's objects, defaults applied. */
export type ObjectOf<K extends Kind, Name extends string = K['kind']> = {
  apiVersion: string;
  kind: Name;
  metadata: ObjectMeta;
} & Static<K['schema']>;

/** `group/version`, or the version alone for core kinds. */
export function apiVersionOf(kind: Kind, version: string = kind.storageVersion): string {
  return kind.group === '' ? version : `${kind.group}/${version}`;
}
