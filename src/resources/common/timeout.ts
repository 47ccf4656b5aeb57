import { object, optional, type Static } from '../schema.ts';
import { Duration } from './scalars.ts';

/** Time limits towards backends. */
export const Timeout = object({
  http: optional(
    object({
      connectionIdleTimeout: optional(Duration),
      maxConnectionDuration: optional(Duration),
      maxStreamDuration: optional(Duration),
      requestTimeout: optional(Duration),
      streamIdleTimeout: optional(Duration),
    }),
  ),
  tcp: optional(object({ connectTimeout: optional(Duration) })),
});
export type Timeout = Static<typeof Timeout>;
