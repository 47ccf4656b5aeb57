import { jsonText } from '../../lib/json-text.ts';
import type { AssistantPart, ConversationAnswer, JsonObject, JsonValue, Usage } from '../conversation.ts';
import type { AnswerContext, ClientDialect, StreamWriter } from '../dialect.ts';
import { isJsonObject, listOf, numberOf, textOf } from '../json.ts';
import { chatFinish } from './chat-answer-writer.ts';
import { writeChatUsage } from './chat-usage.ts';
import { readCompletionRequest } from './completions-request-reader.ts';
import { writeOpenAiError } from './errors.ts';

/** OpenAI's older completions, as clients speak them. Source: OpenAI API reference, the completion object. */
export const completionsClient: ClientDialect = {
  readRequest: readCompletionRequest,
  writeAnswer: writeCompletion,
  createStreamWriter: createCompletionStreamWriter,
  writeError: writeOpenAiError,
};

/** A completion is text alone: what the model thought has no place in it. */
function textOfParts(parts: readonly AssistantPart[]): string {
  return parts.map((part) => (part.kind === 'text' || part.kind === 'refusal' ? part.text : '')).join('');
}

function writeCompletion(answer: ConversationAnswer, context: AnswerContext): JsonObject {
  const { candidates, usage } = answer;
  return {
    ...headOf(answer, context),
    choices: candidates.map(({ parts, finish, logprobs }, index) => ({
      text: textOfParts(parts),
      index,
      logprobs: logprobs === undefined ? null : writeLogprobs(logprobs, 0),
      finish_reason: chatFinish(finish),
    })),
    ...(usage !== undefined && { usage: writeChatUsage(usage) }),
  };
}

interface Head {
  readonly id?: string | undefined;
  readonly createdSeconds?: number | undefined;
  readonly model?: string | undefined;
}

function headOf({ id, createdSeconds, model }: Head, context: AnswerContext): JsonObject {
  return {
    id: id ?? `cmpl-${context.requestId}`,
    object: 'text_completion',
    created: createdSeconds ?? context.nowSeconds,
    model: model ?? context.model,
  };
}

/** The older form of log probabilities, out of that of chat. Shape: `offset` is where the text of the first token begins. */
function writeLogprobs(logprobs: readonly JsonValue[], offset: number): JsonObject {
  const entries = logprobs.filter(isJsonObject);
  let at = offset;
  return {
    tokens: entries.map(({ token }) => textOf(token) ?? ''),
    token_logprobs: entries.map(({ logprob }) => numberOf(logprob) ?? null),
    top_logprobs: entries.map(({ top_logprobs: tops }) =>
      Object.fromEntries(
        listOf(tops)
          .filter(isJsonObject)
          .map(({ token, logprob }) => [textOf(token) ?? '', numberOf(logprob) ?? null]),
      ),
    ),
    text_offset: entries.map(({ token }) => {
      const begin = at;
      at += (textOf(token) ?? '').length;
      return begin;
    }),
  };
}

function createCompletionStreamWriter(context: AnswerContext): StreamWriter {
  /** The beginning of every chunk. */
  let head: string | undefined;
  let usage: Usage | undefined;
  let isBroken = false;
  /** Length of the text of each candidate. */
  const lengths = new Map<number, number>();
  /** Kind of the part that is open, by candidate. */
  const open = new Map<number, string>();

  /** Shape: `fields` is the inside of a JSON object. */
  function event(fields: string): string {
    head ??= beginning({});
    return `${head},${fields}}\n\n`;
  }

  function beginning(start: Head): string {
    return `data: ${JSON.stringify(headOf(start, context)).slice(0, -1)}`;
  }

  function choice(
    index: number,
    text: string,
    logprobs: readonly JsonValue[] | undefined,
    finish: string | null,
  ): string {
    const offset = lengths.get(index) ?? 0;
    lengths.set(index, offset + text.length);
    const told = logprobs === undefined ? 'null' : JSON.stringify(writeLogprobs(logprobs, offset));
    const reason = finish === null ? 'null' : `"${finish}"`;
    return event(
      `"choices":[{"text":${jsonText(text)},"index":${index},"logprobs":${told},"finish_reason":${reason}}]`,
    );
  }

  return {
    write(one) {
      switch (one.kind) {
        case 'start':
          head = beginning(one);
          return '';
        case 'part_start':
          open.set(one.candidate, one.start.kind);
          return '';
        case 'part_delta': {
          const kind = open.get(one.candidate);
          if (one.delta.kind !== 'text' || (kind !== 'text' && kind !== 'refusal')) return '';
          if (one.delta.text === '' && one.delta.logprobs === undefined) return '';
          return choice(one.candidate, one.delta.text, one.delta.logprobs, null);
        }
        case 'part_end':
          return '';
        case 'finish':
          return choice(one.candidate, '', one.logprobs, chatFinish(one.finish));
        case 'usage':
          usage = one.usage;
          return '';
        case 'error':
          isBroken = true;
          return `data: ${JSON.stringify(writeOpenAiError(one.error))}\n\n`;
      }
    },
    end() {
      if (isBroken) return '';
      const isTold = usage !== undefined && context.request.includeUsage;
      return `${isTold ? event(`"choices":[],"usage":${JSON.stringify(writeChatUsage(usage as Usage))}`) : ''}data: [DONE]\n\n`;
    },
  };
}
