import { Fraction } from '../common/http.ts';
import { choice, mapOf, object, optional, type Static, text } from '../schema.ts';

/** A trace tag taken from a named source. */
export const NamedTagSource = object({ defaultValue: optional(text()), name: text() });
export type NamedTagSource = Static<typeof NamedTagSource>;

/** A tag of a trace span. */
export const CustomTag = object({
  environment: optional(NamedTagSource),
  literal: optional(object({ value: text() })),
  requestHeader: optional(NamedTagSource),
  type: choice(['Literal', 'Environment', 'RequestHeader'], { default: 'Literal' }),
});
export type CustomTag = Static<typeof CustomTag>;

/** Traces and metrics of the targeted routes. */
export const BackendTelemetry = object({
  metrics: optional(object({ routeStatName: optional(text()) })),
  tracing: optional(
    object({
      customTags: optional(mapOf(CustomTag)),
      samplingFraction: optional(Fraction),
      spanName: optional(object({ client: text(), server: text() })),
      tags: optional(mapOf(text())),
    }),
  ),
});
export type BackendTelemetry = Static<typeof BackendTelemetry>;
