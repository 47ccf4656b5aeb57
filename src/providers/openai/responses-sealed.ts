/**
 * `encrypted_content` of reasoning items: what clients send back and do not read. It carries the signature that a provider
 * gave its reasoning, or reasoning that it redacted. What has no mark is OpenAI's own and tells others nothing.
 */
const SIGNED = 'signed:';
const REDACTED = 'redacted:';

/** A signature as clients keep it. */
export function sealSignature(signature: string): string {
  return `${SIGNED}${signature}`;
}

/** Redacted reasoning as clients keep it. */
export function sealRedacted(data: string): string {
  return `${REDACTED}${data}`;
}

/** What was sealed. */
export function openSealed(sealed: string | undefined): { readonly redacted?: string; readonly signature?: string } {
  if (sealed?.startsWith(REDACTED)) return { redacted: sealed.slice(REDACTED.length) };
  return sealed?.startsWith(SIGNED) ? { signature: sealed.slice(SIGNED.length) } : {};
}
