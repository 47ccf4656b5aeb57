import { choice, object, optional, type Static, text } from '../schema.ts';

/** A number computed from each answer and kept under a metadata key. */
export const LLMRequestCost = object({
  cel: optional(text({ description: 'CEL expression over the token counts, for type CEL.' })),
  metadataKey: text({ description: 'Key of the result in the metadata namespace io.envoy.ai_gateway.' }),
  type: choice(
    ['OutputToken', 'InputToken', 'CachedInputToken', 'CacheCreationInputToken', 'TotalToken', 'ReasoningToken', 'CEL'],
    { description: 'What is counted.' },
  ),
});
export type LLMRequestCost = Static<typeof LLMRequestCost>;
