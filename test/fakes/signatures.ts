/** Signatures of reasoning: any fake can tell whether a signature that comes back was given out, and for which text. */
import { createHash } from 'node:crypto';

/** The signature of a text, in base64. */
export function signatureOf(text: string): string {
  return Buffer.from(`fake-signature:${createHash('sha256').update(text).digest('hex')}`).toString('base64');
}

/** True when a fake gave out this signature, for whatever text. */
export function isSignature(signature: string): boolean {
  return /^fake-signature:[0-9a-f]{64}$/.test(Buffer.from(signature, 'base64').toString('utf8'));
}
