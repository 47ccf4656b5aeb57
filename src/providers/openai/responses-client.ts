import type { ClientDialect } from '../dialect.ts';
import { writeOpenAiError } from './errors.ts';
import { writeResponsesAnswer } from './responses-answer-writer.ts';
import { readResponsesRequest } from './responses-request-reader.ts';
import { createResponsesStreamWriter } from './responses-stream-writer.ts';

/** OpenAI's Responses API, as clients speak it. */
export const responsesClient: ClientDialect = {
  fieldNames: new Map([
    ['messages[].reasoning_content', 'input[].reasoning'],
    ['messages[].content[].image_url.detail', 'input[].content[].detail'],
    ['reasoning_effort', 'reasoning.effort'],
    ['thinking', 'reasoning'],
    ['verbosity', 'text.verbosity'],
    ['logprobs', 'top_logprobs'],
  ]),
  readRequest: readResponsesRequest,
  writeAnswer: writeResponsesAnswer,
  createStreamWriter: createResponsesStreamWriter,
  writeError: writeOpenAiError,
};
