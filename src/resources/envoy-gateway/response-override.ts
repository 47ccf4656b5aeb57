import { HeaderModifier, PathModifier, pathModifierRules } from '../common/http.ts';
import { LocalObjectReference } from '../common/references.ts';
import { DnsName, integerChoice } from '../common/scalars.ts';
import { choice, int32, integer, list, object, optional, type Static, text, variant } from '../schema.ts';

/** A status code or a range of them. */
export const StatusCodeMatch = object(
  {
    range: optional(
      object(
        { end: integer(), start: integer() },
        { rules: [{ rule: 'self.end > self.start', message: 'end is not greater than start' }] },
      ),
    ),
    type: choice(['Value', 'Range'], { default: 'Value' }),
    value: optional(integer()),
  },
  {
    rules: [
      { rule: "(!has(self.type) || self.type == 'Value')? has(self.value) : true", message: 'type Value needs value' },
      { rule: "(has(self.type) && self.type == 'Range')? has(self.range) : true", message: 'type Range needs range' },
    ],
  },
);
export type StatusCodeMatch = Static<typeof StatusCodeMatch>;

/** A redirect in place of a response. */
export const ResponseRedirect = object({
  hostname: optional(DnsName),
  path: optional(
    variant(PathModifier, {
      rules: [
        { rule: "self.type == 'ReplaceFullPath'", message: 'type can only be ReplaceFullPath here' },
        ...pathModifierRules,
      ],
    }),
  ),
  port: optional(int32()),
  scheme: optional(choice(['http', 'https'])),
  statusCode: integerChoice([301, 302], { default: 302 }),
});
export type ResponseRedirect = Static<typeof ResponseRedirect>;

/** What a response is replaced with. */
export const CustomResponse = object({
  body: optional(
    object(
      {
        inline: optional(text()),
        type: choice(['Inline', 'ValueRef'], { default: 'Inline' }),
        valueRef: optional(LocalObjectReference),
      },
      {
        rules: [
          {
            rule: "(!has(self.type) || self.type == 'Inline')? has(self.inline) : true",
            message: 'type Inline needs inline',
          },
          {
            rule: "(has(self.type) && self.type == 'ValueRef')? has(self.valueRef) : true",
            message: 'type ValueRef needs valueRef',
          },
          {
            rule: "has(self.valueRef) ? self.valueRef.kind == 'ConfigMap' : true",
            message: 'valueRef can only name a ConfigMap',
          },
        ],
      },
    ),
  ),
  contentType: optional(text()),
  header: optional(
    variant(HeaderModifier, {
      rules: [{ rule: '!has(self.remove) || size(self.remove) == 0', message: 'remove has no meaning here' }],
    }),
  ),
  statusCode: optional(integer()),
});
export type CustomResponse = Static<typeof CustomResponse>;

/** Replaces responses by their status code. */
export const ResponseOverride = object(
  {
    match: object({ statusCodes: list(StatusCodeMatch, { maxItems: 50, minItems: 1 }) }),
    redirect: optional(ResponseRedirect),
    response: optional(CustomResponse),
    source: optional(choice(['All', 'Local', 'Backend'])),
  },
  {
    rules: [
      {
        rule: '(has(self.response) && !has(self.redirect)) || (!has(self.response) && has(self.redirect))',
        message: 'exactly one of response and redirect is needed',
      },
    ],
  },
);
export type ResponseOverride = Static<typeof ResponseOverride>;
