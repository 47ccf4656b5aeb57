import type { BackendIr } from '../ir/index.ts';
import { providerFacts } from '../providers/index.ts';
import type { Serving } from './serving.ts';
import { backendHost } from './upstream-filters.ts';

/**
 * Request headers that an attempt at one of these backends changes and that the next one must not see changed. The
 * credentials, the path and the length are seen to on every attempt of every route.
 */
export function changedHeaders(members: Serving['members'], backends: ReadonlyMap<string, BackendIr>): string[] {
  const refs = members.map(({ ref }) => ref);
  const used = refs.flatMap((ref) => backends.get(ref.backend) ?? []);
  // A backend without a name of its own is called by the one that the client used.
  const authority = used.some(hasNames) && used.some((backend) => backendHost(backend) === undefined);
  const mutated = refs.flatMap(({ headerMutation }) => [
    ...(headerMutation?.set.map(({ name }) => name) ?? []),
    ...(headerMutation?.remove ?? []),
  ]);
  const translated = members.flatMap(({ ref, mode }) =>
    mode === 'translated' ? translationHeaders(backends.get(ref.backend)) : [],
  );
  return [...new Set([...mutated, ...translated, ...(authority ? [':authority'] : [])])].sort();
}

/** What the script says of a translated attempt, and what its provider wants to hear. */
function translationHeaders(backend: BackendIr | undefined): readonly string[] {
  const { requestHeaders = {} } = backend?.provider ? providerFacts(backend.provider.schema) : {};
  return ['accept', 'content-type', ...Object.keys(requestHeaders)];
}

function hasNames({ endpoints }: BackendIr): boolean {
  return endpoints.some((endpoint) => endpoint.hostname !== undefined);
}
