import type { ConversationRequest, JsonObject } from '../conversation.ts';
import type { Unsupported } from '../dialect.ts';
import { isText } from '../json.ts';
import { booleanField, invalidField, numberField, objectField, required, stringField } from '../request-fields.ts';
import { extraFields, readSampling } from './chat-request-reader.ts';

/** Fields that the common form has, or that are judged here; everything else goes on as it is. */
const KNOWN: ReadonlySet<string> = new Set([
  ...['model', 'prompt', 'stream', 'stream_options', 'max_tokens', 'temperature', 'top_p', 'top_k', 'stop', 'seed'],
  ...['frequency_penalty', 'presence_penalty', 'logit_bias', 'n', 'logprobs', 'best_of', 'user'],
]);

/** Values that ask for nothing. */
const NEUTRAL: ReadonlyMap<string, string> = new Map([
  ['echo', 'false'],
  ['suffix', '""'],
]);

/** What the API stops at where nothing is said. */
const DEFAULT_MAX_TOKENS = 16;

/**
 * A request of the older completions in the common form: its prompt is what a user says.
 * Errors: GatewayError `invalid_input`. Source: OpenAI API reference, create completion.
 */
export function readCompletionRequest(body: JsonObject, unsupported: Unsupported): ConversationRequest {
  const { logprobs: _, max_completion_tokens: __, ...sampled } = body;
  const top = numberField(body, 'logprobs', '');
  const bestOf = numberField(body, 'best_of', '') ?? 1;
  if (bestOf > (numberField(body, 'n', '') ?? 1)) unsupported.add('best_of');
  const user = stringField(body, 'user', '');
  return {
    model: required(stringField(body, 'model', ''), 'model', ''),
    stream: booleanField(body, 'stream', '') ?? false,
    includeUsage:
      booleanField(objectField(body, 'stream_options', '') ?? {}, 'include_usage', 'stream_options') ?? false,
    system: [],
    messages: [{ role: 'user', parts: [{ kind: 'text', text: readPrompt(body) }] }],
    tools: [],
    maxTokens: DEFAULT_MAX_TOKENS,
    ...readSampling(sampled),
    ...(top !== undefined && { logprobs: { top } }),
    ...(user !== undefined && { user }),
    extra: extraFields(body, KNOWN, NEUTRAL),
  };
}

/** One text: conversations have one beginning, and tokens mean something to the model alone that they are of. */
function readPrompt(body: JsonObject): string {
  const prompt = required(body.prompt ?? undefined, 'prompt', '');
  const one = Array.isArray(prompt) && prompt.length === 1 ? prompt[0] : prompt;
  if (isText(one)) return one;
  throw invalidField('prompt', 'must be one text for the provider of this model');
}
