/** Counts tokens by vLLM's `/tokenize`. Source: vLLM, OpenAI-compatible server, tokenizer API. */
import { GatewayError } from '../../lib/errors.ts';
import { readMessagesRequest } from '../anthropic/messages-request-reader.ts';
import type { WholeConversion } from '../dialect.ts';
import { numberOf, present } from '../json.ts';
import type { TokenCounter } from '../token-counts.ts';
import { writeChatRequest } from './chat-request-writer.ts';
import { readOpenAiError } from './errors.ts';

/** Counts the tokens of a conversation as the server's own template writes it. */
export const tokenizeCounter: TokenCounter = {
  write(request, context) {
    const { model, messages, tools } = writeChatRequest(request, context);
    return present({ model, messages, tools });
  },
  readAnswer(answer) {
    const count = numberOf(answer.count);
    if (count === undefined) throw new GatewayError('provider_failed', 'the provider told no number of tokens');
    return { input_tokens: count };
  },
  readError: (status, _headers, body) => readOpenAiError(status, body),
};

/** The same as Anthropic's API asks for it. */
export const tokenizedMessages: WholeConversion = {
  writeRequest: (body, context) =>
    tokenizeCounter.write(readMessagesRequest({ max_tokens: 1, ...body }, context.unsupported), context),
  readAnswer: tokenizeCounter.readAnswer,
  readError: tokenizeCounter.readError,
};
