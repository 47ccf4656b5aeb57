import { type Kind, referenceGrantKind } from '../resources/index.ts';
import { type ObjectIndex, validOf } from './objects.ts';

/** The end of a reference that points: the kind and namespace of the object that holds it. */
export interface Referrer {
  readonly group: string;
  readonly kind: string;
  readonly namespace: string;
}

/** Which references across namespaces are allowed. */
export interface Grants {
  permits(from: Referrer, to: Kind, namespace: string, name: string): boolean;
}

/** Reads all ReferenceGrants. Source: Gateway API, ReferenceGrant: it stands in the namespace of the target. */
export function readGrants(index: ObjectIndex): Grants {
  const allowed = new Set<string>();
  for (const { id, object } of validOf(index, referenceGrantKind)) {
    for (const from of object.spec?.from ?? []) {
      for (const to of object.spec?.to ?? []) {
        allowed.add([from.group, from.kind, from.namespace, to.group, to.kind, id.namespace, to.name ?? ''].join('\0'));
      }
    }
  }
  return {
    permits(from, to, namespace, name) {
      if (from.namespace === namespace) return true;
      const key = [from.group, from.kind, from.namespace, to.group, to.kind, namespace].join('\0');
      return allowed.has(`${key}\0${name}`) || allowed.has(`${key}\0`);
    },
  };
}
