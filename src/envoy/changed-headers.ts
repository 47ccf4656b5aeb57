import type { BackendIr, InferenceBackendIr } from '../ir/index.ts';
import { backendHost } from './upstream-filters.ts';

/**
 * Request headers that an attempt at one of these backends changes and that the next one must not see changed. The
 * credentials, the path and the length are seen to on every attempt of every route.
 */
export function changedHeaders(
  refs: readonly InferenceBackendIr[],
  backends: ReadonlyMap<string, BackendIr>,
): string[] {
  const used = refs.flatMap((ref) => backends.get(ref.backend) ?? []);
  // A backend without a name of its own is called by the one that the client used.
  const authority = used.some(hasNames) && used.some((backend) => backendHost(backend) === undefined);
  const mutated = refs.flatMap(({ headerMutation }) => [
    ...(headerMutation?.set.map(({ name }) => name) ?? []),
    ...(headerMutation?.remove ?? []),
  ]);
  return [...new Set([...mutated, ...(authority ? [':authority'] : [])])].sort();
}

function hasNames({ endpoints }: BackendIr): boolean {
  return endpoints.some((endpoint) => endpoint.hostname !== undefined);
}
