/** Counts of tokens as clients of OpenAI's API and of vLLM's ask for them, at every provider that counts. */
import type { ConversationRequest, JsonObject } from './conversation.ts';
import type { DialectContext, Unsupported, WholeConversion } from './dialect.ts';
import { numberOf } from './json.ts';
import { readChatRequest } from './openai/chat-request-reader.ts';
import { readResponsesRequest } from './openai/responses-request-reader.ts';
import { invalidField, stringField } from './request-fields.ts';

/** How a provider counts the tokens of a conversation. */
export interface TokenCounter extends Pick<WholeConversion, 'path' | 'readError'> {
  readonly write: (request: ConversationRequest, context: DialectContext) => JsonObject;
  /** The count as Anthropic's API tells it: `input_tokens`. Errors: GatewayError `provider_failed`. */
  readonly readAnswer: WholeConversion['readAnswer'];
}

/** Counts the input of a response that is not made. Source: OpenAI API reference, count response input tokens. */
export function countResponseInput(counter: TokenCounter): WholeConversion {
  return countBy(counter, readResponsesRequest, (count) => ({ object: 'response.input_tokens', input_tokens: count }));
}

/** vLLM's `/tokenize` where tokens can be counted and not seen. Source: vLLM, OpenAI-compatible server, tokenizer API. */
export function countTokenized(counter: TokenCounter): WholeConversion {
  return countBy(counter, readTokenize, (count) => ({ count }));
}

function countBy(
  counter: TokenCounter,
  read: (body: JsonObject, unsupported: Unsupported) => ConversationRequest,
  write: (count: number) => JsonObject,
): WholeConversion {
  const { path, readError } = counter;
  return {
    ...(path !== undefined && { path }),
    writeRequest: (body, context) => counter.write(read(body, context.unsupported), context),
    readAnswer: (answer, context) => write(numberOf(counter.readAnswer(answer, context).input_tokens) ?? 0),
    readError,
  };
}

/** What of a request for tokens says nothing of how many there are at a provider that counts by itself. */
const SILENT = new Set(['add_special_tokens', 'add_generation_prompt', 'continue_final_message']);

/** Shape: `prompt`, or `messages` as chat has them. */
function readTokenize(body: JsonObject, unsupported: Unsupported): ConversationRequest {
  const { prompt: _, return_token_strs: wantsTexts, ...rest } = body;
  if (wantsTexts === true) unsupported.add('return_token_strs');
  const asked = Object.fromEntries(Object.entries(rest).filter(([key]) => !SILENT.has(key)));
  const prompt = stringField(body, 'prompt', '');
  if (prompt === undefined && body.messages === undefined) throw invalidField('prompt', 'is required');
  const messages = prompt === undefined ? body.messages : [{ role: 'user', content: prompt }];
  return readChatRequest({ ...asked, ...(messages !== undefined && { messages }) }, unsupported);
}
