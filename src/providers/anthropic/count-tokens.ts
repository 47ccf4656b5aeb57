/** Counts of tokens of conversations for Claude. Source: Anthropic API reference, count message tokens. */
import { GatewayError } from '../../lib/errors.ts';
import type { ConversationRequest, JsonObject } from '../conversation.ts';
import type { DialectContext } from '../dialect.ts';
import { numberOf, present } from '../json.ts';
import type { TokenCounter } from '../token-counts.ts';
import { anthropicMessages } from './messages-provider.ts';
import { writeMessagesRequest } from './messages-request.ts';

/** What of a request is counted. */
export function writeCountBody(request: ConversationRequest, context: DialectContext): JsonObject {
  const { model, messages, system, tools, tool_choice, thinking } = writeMessagesRequest(request, context);
  return present({ model, messages, system, tools, tool_choice, thinking });
}

/** Counts at Anthropic itself. */
export const anthropicCounter: TokenCounter = {
  write: writeCountBody,
  readAnswer(answer) {
    if (numberOf(answer.input_tokens) === undefined) {
      throw new GatewayError('provider_failed', 'the provider told no number of tokens');
    }
    return answer;
  },
  readError: anthropicMessages.readError,
};
