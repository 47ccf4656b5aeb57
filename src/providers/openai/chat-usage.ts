import type { JsonObject, JsonValue, Usage } from '../conversation.ts';
import { isJsonObject, numberOf, objectOf } from '../json.ts';

/**
 * Token usage as chat completions tell it. What was written to a cache stands under two names: the data path and
 * several clients read the first, clients of the reference the second.
 */
export function writeChatUsage(usage: Usage): JsonObject {
  const { input, output, cachedInput, cacheCreationInput, reasoningOutput } = usage;
  const hasInputDetails = cachedInput !== undefined || cacheCreationInput !== undefined;
  return {
    prompt_tokens: input,
    completion_tokens: output,
    total_tokens: input + output,
    ...(hasInputDetails && {
      prompt_tokens_details: {
        cached_tokens: cachedInput ?? 0,
        ...(cacheCreationInput !== undefined && {
          cache_write_tokens: cacheCreationInput,
          cache_creation_input_tokens: cacheCreationInput,
        }),
      },
    }),
    ...(reasoningOutput !== undefined && { completion_tokens_details: { reasoning_tokens: reasoningOutput } }),
  };
}

/** Undefined where an answer or event tells none. */
export function readChatUsage(value: JsonValue | undefined): Usage | undefined {
  if (!isJsonObject(value)) return undefined;
  const details = objectOf(value.prompt_tokens_details);
  // DeepSeek's name stands at the top.
  const cachedInput = numberOf(details.cached_tokens) ?? numberOf(value.prompt_cache_hit_tokens);
  const cacheCreationInput = numberOf(details.cache_write_tokens) ?? numberOf(details.cache_creation_input_tokens);
  const reasoningOutput = numberOf(objectOf(value.completion_tokens_details).reasoning_tokens);
  return {
    input: numberOf(value.prompt_tokens) ?? 0,
    output: numberOf(value.completion_tokens) ?? 0,
    ...(cachedInput !== undefined && { cachedInput }),
    ...(cacheCreationInput !== undefined && { cacheCreationInput }),
    ...(reasoningOutput !== undefined && { reasoningOutput }),
  };
}
