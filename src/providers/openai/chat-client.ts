import type { ClientDialect } from '../dialect.ts';
import { writeChatAnswer } from './chat-answer-writer.ts';
import { readChatRequest } from './chat-request-reader.ts';
import { createChatStreamWriter } from './chat-stream-writer.ts';
import { writeOpenAiError } from './errors.ts';

/** Chat completions, as clients speak them. */
export const chatClient: ClientDialect = {
  readRequest: readChatRequest,
  writeAnswer: writeChatAnswer,
  createStreamWriter: createChatStreamWriter,
  writeError: writeOpenAiError,
};
