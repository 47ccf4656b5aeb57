import { aigatewayKinds } from './aigateway/index.ts';
import { coreKinds } from './core/index.ts';
import { envoyGatewayKinds } from './envoy-gateway/index.ts';
import { gatewayApiKinds } from './gateway-api/index.ts';
import { apiVersionOf, type Kind, type ObjectOf } from './kind.ts';
import { groupOf, type LoadedObject } from './object.ts';

/** Every kind Headgate reads, in one list. */
export const KINDS: readonly Kind[] = [...aigatewayKinds, ...coreKinds, ...envoyGatewayKinds, ...gatewayApiKinds];

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

/** Whether an object is a valid one of this kind: then its type is certain. */
export function isValidOf<K extends Kind>(loaded: LoadedObject, kind: K): loaded is LoadedObject<ObjectOf<K>> {
  return loaded.valid && loaded.id.kind === kind.kind && loaded.id.group === kind.group;
}
