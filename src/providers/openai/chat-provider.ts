import type { ProviderDialect } from '../dialect.ts';
import { readChatAnswer } from './chat-answer-reader.ts';
import { writeChatRequest } from './chat-request-writer.ts';
import { createChatStreamReader } from './chat-stream-reader.ts';
import { readOpenAiError } from './errors.ts';

/** Chat completions, as OpenAI, Azure and all servers of the same API speak them. */
export const chatProvider: ProviderDialect = {
  writeRequest: writeChatRequest,
  readAnswer: readChatAnswer,
  createStreamReader: createChatStreamReader,
  readError: (status, _headers, body) => readOpenAiError(status, body),
};
