/** Gemini's countTokens. Source: Vertex AI reference, Method: models.countTokens. */

import { GatewayError } from '../../lib/errors.ts';
import { readMessagesRequest } from '../anthropic/messages-request-reader.ts';
import type { ConversationRequest, JsonObject } from '../conversation.ts';
import type { DialectContext, WholeConversion } from '../dialect.ts';
import { numberOf, present } from '../json.ts';
import type { TokenCounter } from '../token-counts.ts';
import { gemini } from './gemini.ts';
import { readGoogleError } from './google-error.ts';

/** Counts the tokens of a Messages request. */
export const geminiTokens: WholeConversion = {
  writeRequest(body, context) {
    const request = readMessagesRequest({ max_tokens: 1, ...body }, context.unsupported);
    return writeConversation(request, context);
  },
  readAnswer: readTotal,
  readError: readGoogleError,
};

/** Counts the tokens of a conversation. */
export const geminiCounter: TokenCounter = {
  write: writeConversation,
  readAnswer: readTotal,
  readError: readGoogleError,
};

function writeConversation(request: ConversationRequest, context: DialectContext): JsonObject {
  const { contents, systemInstruction, tools } = gemini.writeRequest(request, context);
  return present({ contents, systemInstruction, tools });
}

function readTotal(answer: JsonObject): JsonObject {
  const count = numberOf(answer.totalTokens);
  // Google leaves out what is zero.
  if (count === undefined && answer.totalTokens !== undefined) {
    throw new GatewayError('provider_failed', 'the provider told no number of tokens');
  }
  return { input_tokens: count ?? 0 };
}
