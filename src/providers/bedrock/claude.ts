/**
 * Claude on Bedrock by InvokeModel, whose body is Anthropic's own, and whose stream holds Anthropic's events in base64.
 * Source: Amazon Bedrock API reference, InvokeModel, InvokeModelWithResponseStream, CountTokens.
 */
import { type Cloud, writeCloudBody } from '../anthropic/cloud.ts';
import { writeCountBody } from '../anthropic/count-tokens.ts';
import { withoutForeignThoughts } from '../anthropic/foreign-thoughts.ts';
import { readMessagesAnswer } from '../anthropic/messages-answer.ts';
import { writeMessagesRequest } from '../anthropic/messages-request.ts';
import { createMessagesEvents } from '../anthropic/messages-stream.ts';
import { type CloudPassage, passMessages } from '../anthropic/pass-messages.ts';
import { errorEvent, passStream } from '../anthropic/pass-stream.ts';
import type { AnswerEvent, JsonObject } from '../conversation.ts';
import type { ProviderDialect, StreamReader, WholeConversion } from '../dialect.ts';
import { encodeText } from '../exchange.ts';
import { numberOf, objectOf, parseJsonObject, textOf } from '../json.ts';
import type { TokenCounter } from '../token-counts.ts';
import type { Attempt, Translation } from '../translation.ts';
import { BEDROCK_BETA_NAMES, BEDROCK_BETAS } from './betas.ts';
import { readAwsError } from './converse-answer.ts';
import { countTokensPath, readTokenCount } from './count-tokens.ts';
import { createEventStreamReader, type EventStreamMessage } from './event-stream.ts';
import { brokenStream, readStreamFailure } from './stream-errors.ts';

const CLOUD: Cloud = {
  version: 'bedrock-2023-05-31',
  saysStream: false,
  betas: BEDROCK_BETAS,
  betaNames: BEDROCK_BETA_NAMES,
};

/** Conversations of other APIs with Claude on Bedrock. */
export const claudeOnBedrock: ProviderDialect = {
  writeRequest: (request, context) =>
    writeCloudBody(writeMessagesRequest(request, context), CLOUD, context.betas ?? [], context.unsupported),
  readAnswer: readMessagesAnswer,
  createStreamReader,
  readError: readAwsError,
};

function createStreamReader(): StreamReader {
  const messages = createEventStreamReader();
  const events = createMessagesEvents();
  let hasFailed = false;
  return {
    push(bytes) {
      if (hasFailed) return [];
      const found: AnswerEvent[] = [];
      try {
        messages.push(bytes, (message) => {
          const failure = readStreamFailure(message);
          if (failure !== undefined) found.push(...events.fail(failure));
          else events.read(chunkText(message) ?? '', found);
        });
      } catch (caught) {
        hasFailed = true;
        found.push(...events.fail(brokenStream(caught)));
      }
      return found;
    },
    end: () => (hasFailed ? [] : events.end()),
  };
}

/** Anthropic's event in a message. Errors: undefined where there is none. */
function chunkText({ payload }: EventStreamMessage): string | undefined {
  const bytes = textOf(parseJsonObject(payload.toString('utf8'))?.bytes);
  return bytes === undefined ? undefined : Buffer.from(bytes, 'base64').toString('utf8');
}

/** Messages, as clients send them, to Claude on Bedrock. */
export function passToBedrock(attempt: Attempt): Translation {
  return passMessages(attempt, PASSAGE);
}

const PASSAGE: CloudPassage = {
  cloud: CLOUD,
  readError: readAwsError,
  passStream(status) {
    const messages = createEventStreamReader();
    let isWhole = false;

    function eventText(message: EventStreamMessage): string {
      if (isWhole) return '';
      const failure = readStreamFailure(message);
      const text = failure === undefined ? chunkText(message) : undefined;
      const event = text === undefined ? undefined : eventOf(text);
      isWhole = event === undefined || event.type === 'message_stop' || event.type === 'error';
      if (failure !== undefined) return errorEvent(failure);
      if (event === undefined)
        return errorEvent({ status: 502, message: 'The provider sent an event that is not JSON' });
      return `event: ${event.type}\ndata: ${event.data}\n\n`;
    }

    return passStream(status, {
      push(bytes) {
        let text = '';
        messages.push(bytes, (message) => {
          text += eventText(message);
        });
        return encodeText(text);
      },
      isWhole: () => isWhole,
    });
  },
};

/** The type stands first in what Anthropic writes, and nothing else of the event is of interest. */
const TYPE_FIRST = /^\{"type":"([a-z_]+)"/;

/** Errors: undefined for a text that is no event. Shape: `data` is one line. */
function eventOf(json: string): { readonly type: string; readonly data: string } | undefined {
  const known = json.endsWith('}') && !/[\r\n]/.test(json) ? TYPE_FIRST.exec(json)?.[1] : undefined;
  if (known !== undefined) return { type: known, data: json };
  const event = parseJsonObject(json);
  const type = textOf(event?.type);
  return type === undefined ? undefined : { type, data: JSON.stringify(event) };
}

/** Counts the tokens of a Messages request. */
export const claudeTokensOnBedrock: WholeConversion = {
  path: countTokensPath,
  writeRequest(body, { betas = [], unsupported }) {
    // The body has to be one that could be sent: `max_tokens` is missing in counts, and has to be above the budget.
    const budget = numberOf(objectOf(body.thinking).budget_tokens) ?? 0;
    const whole: JsonObject = { max_tokens: budget + 1, ...withoutForeignThoughts(body, unsupported) };
    const written = JSON.stringify(writeCloudBody(whole, CLOUD, betas, unsupported));
    return { input: { invokeModel: { body: Buffer.from(written).toString('base64') } } };
  },
  readAnswer: readTokenCount,
  readError: readAwsError,
};

/** Counts the tokens of a conversation of another API. */
export const claudeCounterOnBedrock: TokenCounter = {
  path: countTokensPath,
  write(request, context) {
    const { model: _, ...body } = writeCountBody(request, context);
    return claudeTokensOnBedrock.writeRequest(body, context);
  },
  readAnswer: readTokenCount,
  readError: readAwsError,
};
