/** Anthropic's Messages API as providers speak it. Source: Anthropic API reference, Messages. */
import type { ProviderDialect } from '../dialect.ts';
import { readMessagesAnswer, readMessagesError } from './messages-answer.ts';
import { writeMessagesRequest } from './messages-request.ts';
import { createMessagesStreamReader } from './messages-stream.ts';

/** Conversations for Anthropic itself and for servers that speak its API. */
export const anthropicMessages: ProviderDialect = {
  writeRequest: writeMessagesRequest,
  readAnswer: readMessagesAnswer,
  createStreamReader: createMessagesStreamReader,
  readError: (status, _headers, body) => readMessagesError(status, body),
};
