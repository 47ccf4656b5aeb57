import { RE2JS } from 're2js';

/** What Envoy's RE2 knows of the properties that re2js takes: one refused expression would refuse all routes. */
const PROPERTIES = /^(?:C[cfos]?|L[lmotu]?|M[cen]?|N[dlo]?|P[cdefios]?|S[ckmo]?|Z[lps]?|Any|Latin|Common)$/;

/** Each escape of an expression: a property, a code point, quoted text, or another one. */
const ESCAPE = /\\(?:[pP](?:\{\^?([^}]*)\}|(\w))|x\{([0-9a-fA-F]+)\}|Q[\s\S]*?(?:\\E|$)|[\s\S])/g;

/**
 * Why Envoy would refuse a regular expression; `undefined` when it takes it. Envoy's RE2 reads patterns and values as
 * bytes (Latin-1), so that it knows neither scripts nor code points above 255.
 */
export function re2Problem(pattern: string): string | undefined {
  try {
    RE2JS.compile(pattern);
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
  for (const [text, property, letter, code] of pattern.matchAll(ESCAPE)) {
    const name = property ?? letter;
    if (name !== undefined && !PROPERTIES.test(name)) return `Envoy does not know ${text}`;
    if (code !== undefined && Number.parseInt(code, 16) > 255) return `Envoy compares bytes: ${text} is none`;
  }
  return undefined;
}
