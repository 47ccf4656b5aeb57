/** Claude on Vertex AI by rawPredict, whose bodies are Anthropic's own. Source: Anthropic, Claude on Vertex AI. */

import { GatewayError } from '../../lib/errors.ts';
import { type Cloud, writeCloudBody } from '../anthropic/cloud.ts';
import { writeCountBody } from '../anthropic/count-tokens.ts';
import { withoutForeignThoughts } from '../anthropic/foreign-thoughts.ts';
import { readMessagesAnswer, readMessagesError } from '../anthropic/messages-answer.ts';
import { writeMessagesRequest } from '../anthropic/messages-request.ts';
import { createMessagesStreamReader } from '../anthropic/messages-stream.ts';
import { passMessages } from '../anthropic/pass-messages.ts';
import { createEventPassage, passStream } from '../anthropic/pass-stream.ts';
import type { JsonObject } from '../conversation.ts';
import type { ProviderDialect, WholeConversion } from '../dialect.ts';
import { numberOf } from '../json.ts';
import type { TokenCounter } from '../token-counts.ts';
import type { Attempt, Translation } from '../translation.ts';
import { googleErrorOf } from './google-error.ts';

/** Betas go in the header that Anthropic knows, which passes as it is. */
const CLOUD: Cloud = { version: 'vertex-2023-10-16', saysStream: true };

/** Google's failures before the model, Anthropic's behind it. */
const readError: ProviderDialect['readError'] = (status, _headers, body) => {
  const isAnthropic = typeof body !== 'string' && body.type === 'error';
  const error = isAnthropic || typeof body === 'string' ? undefined : googleErrorOf(body);
  return error === undefined ? readMessagesError(status, body) : { ...error, status };
};

/** Conversations of other APIs with Claude on Vertex AI. */
export const claudeOnVertex: ProviderDialect = {
  writeRequest: (request, context) =>
    writeCloudBody(writeMessagesRequest(request, context), CLOUD, [], context.unsupported),
  readAnswer: readMessagesAnswer,
  createStreamReader: createMessagesStreamReader,
  readError,
};

/** Messages, as clients send them, to Claude on Vertex AI. */
export function passToVertex(attempt: Attempt): Translation {
  return passMessages(attempt, {
    cloud: CLOUD,
    readError,
    passStream: (status) => passStream(status, createEventPassage()),
  });
}

/** Counts the tokens of a Messages request: here the model stands in the body, without a word for its newest version. */
export const claudeTokensOnVertex: WholeConversion = {
  writeRequest(body, { model, unsupported }) {
    const written = writeCloudBody(withoutForeignThoughts(body, unsupported), CLOUD, [], unsupported);
    return { ...written, model: model.replace(/@(?:default|latest)$/, '') };
  },
  readAnswer: readCount,
  readError,
};

function readCount(answer: JsonObject): JsonObject {
  if (numberOf(answer.input_tokens) === undefined) {
    throw new GatewayError('provider_failed', 'the provider told no number of tokens');
  }
  return answer;
}

/** Counts the tokens of a conversation of another API. */
export const claudeCounterOnVertex: TokenCounter = {
  write: (request, context) => claudeTokensOnVertex.writeRequest(writeCountBody(request, context), context),
  readAnswer: readCount,
  readError,
};
