import { list, mapOf, object, optional, type Static, text } from '../schema.ts';

/** One condition on a label. */
export const LabelSelectorRequirement = object({
  key: text(),
  operator: text(),
  values: optional(list(text(), { 'x-kubernetes-list-type': 'atomic' })),
});
export type LabelSelectorRequirement = Static<typeof LabelSelectorRequirement>;

/** Selects objects by their labels; all conditions must hold. */
export const LabelSelector = object(
  {
    matchExpressions: optional(list(LabelSelectorRequirement, { 'x-kubernetes-list-type': 'atomic' })),
    matchLabels: optional(mapOf(text())),
  },
  { 'x-kubernetes-map-type': 'atomic' },
);
export type LabelSelector = Static<typeof LabelSelector>;
