const FIRST_PLAIN = 32;
const QUOTE = 34;
const BACKSLASH = 92;
const SURROGATES = 0xd800;

/** A text as JSON, as JSON.stringify writes it, which costs several times as much for the short plain ones of streams. */
export function jsonText(text: string): string {
  for (let at = 0; at < text.length; at += 1) {
    const code = text.charCodeAt(at);
    if (code < FIRST_PLAIN || code === QUOTE || code === BACKSLASH || code >= SURROGATES) return JSON.stringify(text);
  }
  return `"${text}"`;
}
