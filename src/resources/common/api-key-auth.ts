import { bool, list, object, optional, type Static, text } from '../schema.ts';
import { SecretObjectReference } from './references.ts';

/** Clients known by their API keys. */
export const ApiKeyAuth = object({
  credentialRefs: list(SecretObjectReference, { description: 'Secrets of keys, each under the ID of its client.' }),
  extractFrom: list(
    object({
      cookies: optional(list(text(), { description: 'Cookies.' })),
      headers: optional(list(text(), { description: 'Headers.' })),
      params: optional(list(text(), { description: 'Query parameters.' })),
    }),
    { description: 'Where the key of a request is.' },
  ),
  forwardClientIDHeader: optional(text({ description: 'Header that tells the backend the ID of the client.' })),
  sanitize: optional(bool({ description: 'Remove the key before the request goes on.' })),
});
export type ApiKeyAuth = Static<typeof ApiKeyAuth>;
