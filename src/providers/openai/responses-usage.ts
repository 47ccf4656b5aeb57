import type { JsonObject, Usage } from '../conversation.ts';

/** Token usage as the Responses API tells it, and what was written to a cache under the name the data path reads. */
export function writeResponsesUsage(usage: Usage): JsonObject {
  const { input, output, cachedInput, cacheCreationInput, reasoningOutput } = usage;
  return {
    input_tokens: input,
    input_tokens_details: {
      cached_tokens: cachedInput ?? 0,
      ...(cacheCreationInput !== undefined && { cache_write_tokens: cacheCreationInput }),
    },
    output_tokens: output,
    output_tokens_details: { reasoning_tokens: reasoningOutput ?? 0 },
    total_tokens: input + output,
  };
}
