import { choice, int32, listMap, object, optional, type Rule, type Static, setOf, text } from '../schema.ts';
import { HeaderName, HeaderValue } from './scalars.ts';

/** A header and its value. */
export const HttpHeader = object({ name: HeaderName, value: HeaderValue });
export type HttpHeader = Static<typeof HttpHeader>;

/** Changes headers: sets, adds, then removes. */
export const HeaderModifier = object({
  add: optional(listMap(['name'], HttpHeader, { maxItems: 16 })),
  remove: optional(setOf(text(), { maxItems: 16 })),
  set: optional(listMap(['name'], HttpHeader, { maxItems: 16 })),
});
export type HeaderModifier = Static<typeof HeaderModifier>;

/** A condition on one header. */
export const HeaderMatch = object({
  name: HeaderName,
  type: choice(['Exact', 'RegularExpression'], { default: 'Exact' }),
  value: HeaderValue,
});
export type HeaderMatch = Static<typeof HeaderMatch>;

/** The rules of a PathModifier, for variants of it. */
export const pathModifierRules: readonly Rule[] = [
  {
    rule: "self.type == 'ReplaceFullPath' ? has(self.replaceFullPath) : true",
    message: 'type ReplaceFullPath needs replaceFullPath',
  },
  {
    rule: "has(self.replaceFullPath) ? self.type == 'ReplaceFullPath' : true",
    message: 'replaceFullPath belongs to type ReplaceFullPath',
  },
  {
    rule: "self.type == 'ReplacePrefixMatch' ? has(self.replacePrefixMatch) : true",
    message: 'type ReplacePrefixMatch needs replacePrefixMatch',
  },
  {
    rule: "has(self.replacePrefixMatch) ? self.type == 'ReplacePrefixMatch' : true",
    message: 'replacePrefixMatch belongs to type ReplacePrefixMatch',
  },
];

/** Replaces the whole path or the matched prefix. */
export const PathModifier = object(
  {
    replaceFullPath: optional(text({ maxLength: 1024 })),
    replacePrefixMatch: optional(text({ maxLength: 1024 })),
    type: choice(['ReplaceFullPath', 'ReplacePrefixMatch']),
  },
  { rules: pathModifierRules },
);
export type PathModifier = Static<typeof PathModifier>;

/** A share: `numerator` of `denominator`. */
export const Fraction = object(
  { denominator: int32({ minimum: 1, default: 100 }), numerator: int32({ minimum: 0 }) },
  { rules: [{ rule: 'self.numerator <= self.denominator', message: 'numerator is larger than denominator' }] },
);
export type Fraction = Static<typeof Fraction>;
