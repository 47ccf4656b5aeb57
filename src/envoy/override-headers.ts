import type { BackendIr, CredentialOverrideIr } from '../ir/index.ts';

/** What stands behind the prefix of the headers that AWS keys come in. */
const KEY_PARTS = ['access-key-id', 'secret-access-key', 'session-token'] as const;

/** How a request gives this backend a credential of its own. */
export function overrideOf({ credential, signing }: BackendIr): CredentialOverrideIr | undefined {
  return (credential ?? signing)?.override;
}

/** Request headers that hold it, lower case; the first is always there. */
export function overrideHeaders(backend: BackendIr): readonly string[] {
  const header = overrideOf(backend)?.requestHeader;
  if (header === undefined) return [];
  return backend.signing === undefined ? [header] : KEY_PARTS.map((part) => `${header}${part}`);
}
