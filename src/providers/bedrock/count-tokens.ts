/** CountTokens. Source: Amazon Bedrock API reference, CountTokens. */

import { GatewayError } from '../../lib/errors.ts';
import { readMessagesRequest } from '../anthropic/messages-request-reader.ts';
import type { ConversationRequest, JsonObject } from '../conversation.ts';
import type { DialectContext, WholeConversion } from '../dialect.ts';
import { numberOf, objectOf, present } from '../json.ts';
import type { TokenCounter } from '../token-counts.ts';
import { readAwsError } from './converse-answer.ts';
import { writeConverseRequest } from './converse-request.ts';

/** Regions that an inference profile spreads requests over stand before the name of its model. */
const PROFILE = /^(?:us|us-gov|eu|apac|jp|au|ca|sa|me|af|global)\.(?=[a-z0-9-]+\.)/;

/** Only models count, not the profiles that lead to them. Errors: undefined where the usual path is right. */
export function countTokensPath(model: string): string | undefined {
  const base = model.replace(PROFILE, '');
  return base === model ? undefined : `/model/${encodeURIComponent(base)}/count-tokens`;
}

/** The count as Anthropic tells it. Errors: GatewayError `provider_failed` where there is none. */
export function readTokenCount(answer: JsonObject): JsonObject {
  const count = numberOf(answer.inputTokens);
  if (count === undefined) throw new GatewayError('provider_failed', 'the provider told no number of tokens');
  return { input_tokens: count };
}

/** Counts the tokens of a Messages request for any model. */
export const converseTokens: WholeConversion = {
  path: countTokensPath,
  writeRequest(body, context) {
    const budget = numberOf(objectOf(body.thinking).budget_tokens) ?? 0;
    const request = readMessagesRequest({ max_tokens: budget + 1, ...body }, context.unsupported);
    return writeConversation(request, context);
  },
  readAnswer: readTokenCount,
  readError: readAwsError,
};

function writeConversation(request: ConversationRequest, context: DialectContext): JsonObject {
  const written = writeConverseRequest(request, context);
  const { messages, system, toolConfig, additionalModelRequestFields } = written;
  return { input: { converse: present({ messages, system, toolConfig, additionalModelRequestFields }) } };
}

/** Counts the tokens of a conversation for any model. */
export const converseCounter: TokenCounter = {
  path: countTokensPath,
  write: writeConversation,
  readAnswer: readTokenCount,
  readError: readAwsError,
};
