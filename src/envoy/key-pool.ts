import type { BackendIr, CredentialIr, SecretRef } from '../ir/index.ts';
import { headerIs } from './match-predicates.ts';
import { KEY_MARK, NEXT_KEY_HEADER } from './names.ts';
import { type PlainFilter, skippedWhere } from './skip-filter.ts';

/**
 * Several keys for one backend. They are secrets, which the script cannot read: it chooses one and puts its mark into the
 * header of the credential, and of the filters behind it, one for each key, the one that is meant puts its key there. So
 * the backend stays one cluster, with one set of connections, one breaker and one health.
 */
export function keysOf({ secret, furtherKeys = [] }: CredentialIr): SecretRef[] {
  return secret ? [secret, ...furtherKeys] : [];
}

/** How many keys the script has to choose from; undefined where there is no choice. */
export function poolSize({ credential }: Pick<BackendIr, 'credential'>): number | undefined {
  if (!credential?.furtherKeys?.length || !(credential.override?.fallbackToConfigured ?? true)) return undefined;
  return keysOf(credential).length;
}

/** Further keys that one request may try where a backend refuses the first: of a pool of any size, this many. */
const MAX_FURTHER_TRIES = 2;

export function furtherTries(backends: readonly BackendIr[]): number {
  const tries = backends.map((backend) => Math.min((poolSize(backend) ?? 1) - 1, MAX_FURTHER_TRIES));
  return tries.reduce((sum, one) => sum + one, 0);
}

/** Headers of answers that are for the gateway alone. */
export function poolHeaders(backends: readonly BackendIr[]): string[] {
  return furtherTries(backends) > 0 ? [NEXT_KEY_HEADER] : [];
}

/** Statuses that speak against a backend: that the limit of one of its keys is used up does not. */
export function failingStatuses(backend: BackendIr): string {
  return poolSize(backend) === undefined ? '429|5..' : '5..';
}

/** A filter that acts only where the header has the mark of key `n` (from 1). */
export function onlyForKey(header: string, n: number, filter: PlainFilter): PlainFilter {
  return skippedWhere({ not_matcher: headerIs(header, `${KEY_MARK}${n}`) }, `headgate/key/${n}`, filter);
}
