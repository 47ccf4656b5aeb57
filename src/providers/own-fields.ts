import type { JsonObject, JsonValue } from './conversation.ts';
import type { Unsupported } from './dialect.ts';

/** Fields of a client that the provider's API knows by the same names; the others are named as unsupported. */
export function ownFields(extra: JsonObject, known: ReadonlySet<string>, unsupported: Unsupported): JsonObject {
  const own: { [key: string]: JsonValue } = {};
  for (const [name, value] of Object.entries(extra)) {
    if (known.has(name)) own[name] = value;
    else unsupported.add(name);
  }
  return own;
}
