/** Tells Gemini's signatures of reasoning from those of other providers: each refuses what it did not sign. */
const MARK = 'gemini:';

/** As clients see it and send it back. */
export function markSignature(signature: string): string {
  return `${MARK}${signature}`;
}

/** As Gemini gave it; undefined where another provider signed. */
export function plainSignature(signature: string | undefined): string | undefined {
  return signature?.startsWith(MARK) ? signature.slice(MARK.length) : undefined;
}
