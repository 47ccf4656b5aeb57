import { HttpHeader } from '../common/http.ts';
import { listMap, object, optional, type Static, setOf, text } from '../schema.ts';

/** Changes to the headers of the request a provider gets. Names are compared without regard to case. */
export const HttpHeaderMutation = object(
  {
    remove: optional(setOf(text(), { maxItems: 16, description: 'Names of headers to remove.' })),
    set: optional(listMap(['name'], HttpHeader, { maxItems: 16, description: 'Headers to set; values are literal.' })),
  },
  { description: 'Changes to the headers of the request the provider gets.' },
);
export type HttpHeaderMutation = Static<typeof HttpHeaderMutation>;

/** A top-level field of a JSON body and its value, as JSON text. */
export const HttpBodyField = object({
  path: text({ minLength: 1, description: 'Name of a top-level field.' }),
  value: text({ description: 'Value as JSON text: 5, "text", {"a": 1}.' }),
});
export type HttpBodyField = Static<typeof HttpBodyField>;

/** Changes to the top-level fields of the JSON body a provider gets. */
export const HttpBodyMutation = object(
  {
    remove: optional(setOf(text(), { maxItems: 16, description: 'Top-level fields to remove.' })),
    set: optional(listMap(['path'], HttpBodyField, { maxItems: 16, description: 'Top-level fields to set.' })),
  },
  { description: 'Changes to the JSON body of the request the provider gets.' },
);
export type HttpBodyMutation = Static<typeof HttpBodyMutation>;
