import { aigatewayKinds } from './aigateway/index.ts';
import { apiVersionOf, type Kind } from './kind.ts';
import { groupOf } from './object.ts';

/** Every kind Headgate reads, in one list. */
export const KINDS: readonly Kind[] = [...aigatewayKinds];

const byApiVersion = new Map<string, Kind>();
for (const kind of KINDS) {
  for (const version of kind.versions) byApiVersion.set(`${apiVersionOf(kind, version)} ${kind.kind}`, kind);
}

/** The kind an object says to be of, in a version that is served. */
export function findKind(apiVersion: string, kind: string): Kind | undefined {
  return byApiVersion.get(`${apiVersion} ${kind}`);
}

/** The kind of this name in the group of `apiVersion`, whatever the version: for hints. */
export function findKindOfAnyVersion(apiVersion: string, kind: string): Kind | undefined {
  return KINDS.find((entry) => entry.kind === kind && entry.group === groupOf(apiVersion));
}
