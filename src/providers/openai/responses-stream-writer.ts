/** The stream of the Responses API. In one piece, since one counter numbers all events and one state tells what is open. */
import { jsonText } from '../../lib/json-text.ts';
import type {
  AnswerEvent,
  JsonObject,
  JsonValue,
  PartDelta,
  PartStart,
  ProviderError,
  Usage,
} from '../conversation.ts';
import type { AnswerContext, StreamWriter } from '../dialect.ts';
import { MAX_ANSWER_BYTES } from '../exchange.ts';
import { markSignature } from '../vertex/signatures.ts';
import { callId } from './chat-answer-writer.ts';
import { errorCode } from './errors.ts';
import {
  type Ending,
  endingOf,
  failedBy,
  IN_PROGRESS,
  type ResponseHead,
  responseObject,
} from './responses-answer-writer.ts';
import {
  annotation,
  callItem,
  itemId,
  messageItem,
  reasoningItem,
  redactedItem,
  takesText,
  textInput,
  textPart,
} from './responses-output.ts';

type Reasoning = { readonly kind: 'reasoning'; readonly id: string; text: string; signature: string | undefined };
type Call = {
  readonly kind: 'tool_call';
  readonly id: string;
  readonly callId: string;
  readonly name: string;
  text: string;
};
type Said = {
  readonly kind: 'text' | 'refusal';
  text: string;
  readonly annotations: JsonObject[];
  readonly logprobs: JsonValue[];
  /** Where it stands, as the inside of a JSON object: every piece of it says so again. */
  readonly place: string;
};

const TOO_LARGE: ProviderError = { status: 502, message: 'the answer of the provider is too large' };

/**
 * A stream of the Responses API: typed events, numbered. Its last one holds the whole response, so the answer is kept until
 * then.
 * Source: OpenAI API reference, streaming events of responses.
 */
export function createResponsesStreamWriter(context: AnswerContext): StreamWriter {
  const output: JsonValue[] = [];
  let head: ResponseHead | undefined;
  let sequence = 0;
  let size = 0;
  let calls = 0;
  let hasRefused = false;
  let isBroken = false;
  let usage: Usage | undefined;
  let ending: Ending | undefined;
  /** The message that texts go into, while nothing else comes between them. */
  let message: { readonly id: string; readonly content: JsonObject[] } | undefined;
  let open: Reasoning | Call | Said | undefined;

  function event(type: string, fields: JsonObject): string {
    const data = JSON.stringify({ type, sequence_number: sequence, ...fields });
    sequence += 1;
    return `event: ${type}\ndata: ${data}\n\n`;
  }

  /** An event of a piece of text, the most frequent one: ready text around what is new. */
  function pieceEvent(type: string, { place: at }: Said, delta: string, rest: string): string {
    const head = `event: ${type}\ndata: {"type":"${type}","sequence_number":${sequence}`;
    sequence += 1;
    return `${head},${at},"delta":${jsonText(delta)}${rest}}\n\n`;
  }

  function response(how: Ending): JsonObject {
    return responseObject(context, head ?? {}, how, output, usage);
  }

  function begin(start?: ResponseHead): string {
    if (head !== undefined) return '';
    head = { model: start?.model, createdSeconds: start?.createdSeconds };
    const started = { response: response(IN_PROGRESS) };
    return event('response.created', started) + event('response.in_progress', started);
  }

  /** Where an item stands that is still being made. */
  function place(id: string): { item_id: string; output_index: number } {
    return { item_id: id, output_index: output.length };
  }

  function added(item: JsonObject): string {
    return event('response.output_item.added', { output_index: output.length, item });
  }

  function done(item: JsonObject): string {
    const told = event('response.output_item.done', { output_index: output.length, item });
    output.push(item);
    return told;
  }

  function whole(item: JsonObject): string {
    return added(item) + done(item);
  }

  function closeMessage(): string {
    if (message === undefined) return '';
    const item = messageItem(message.id, message.content, 'completed');
    message = undefined;
    return done(item);
  }

  function startPart(start: PartStart): string {
    switch (start.kind) {
      case 'text':
      case 'refusal':
        return startSaid(start.kind);
      case 'reasoning': {
        const before = closeMessage();
        const id = itemId('rs', context, output.length);
        open = { kind: 'reasoning', id, text: '', signature: undefined };
        const part = { type: 'summary_text', text: '' };
        return (
          before +
          added(reasoningItem(id, '', undefined)) +
          event('response.reasoning_summary_part.added', { ...place(id), summary_index: 0, part })
        );
      }
      case 'redacted_reasoning':
        return closeMessage() + whole(redactedItem(itemId('rs', context, output.length), start.data));
      case 'tool_call':
        return closeMessage() + startCall(start);
    }
  }

  function startSaid(kind: 'text' | 'refusal'): string {
    let before = '';
    if (message === undefined) {
      message = { id: itemId('msg', context, output.length), content: [] };
      before = added(messageItem(message.id, [], 'in_progress'));
    }
    const at = { ...place(message.id), content_index: message.content.length };
    open = { kind, text: '', annotations: [], logprobs: [], place: JSON.stringify(at).slice(1, -1) };
    hasRefused ||= kind === 'refusal';
    return before + event('response.content_part.added', { ...at, part: saidPart(open) });
  }

  function startCall(start: PartStart & { kind: 'tool_call' }): string {
    // A call has no room for a signature: it goes before, as reasoning without words.
    const signed =
      start.signature === undefined
        ? ''
        : whole(reasoningItem(itemId('rs', context, output.length), '', markSignature(start.signature)));
    const id = itemId('fc', context, output.length);
    const call = {
      kind: 'tool_call',
      id,
      callId: start.id || callId(context, 0, calls),
      name: start.name,
      text: '',
    } as const;
    calls += 1;
    open = { ...call };
    return (
      signed +
      added(
        callItem(id, { id: call.callId, name: call.name, arguments: '' }, takesText(context, call.name), 'in_progress'),
      )
    );
  }

  /** Whether the answer is still of a size that a response can hold. */
  function fits(text: string): boolean {
    size += text.length;
    return size <= MAX_ANSWER_BYTES;
  }

  function fail(error: ProviderError): string {
    isBroken = true;
    const { status, message: said, param } = error;
    const code = errorCode(error) ?? (status === 429 ? 'rate_limit_exceeded' : 'server_error');
    const told = begin() + event('error', { code, message: said, param: param ?? null });
    return told + event('response.failed', { response: response(failedBy(code, said)) });
  }

  function writeDelta(delta: PartDelta): string {
    if (open === undefined) return '';
    switch (delta.kind) {
      case 'text':
        return open.kind === 'tool_call' ? '' : writeText(open, delta.text, delta.logprobs);
      case 'arguments':
        return open.kind === 'tool_call' ? writeArguments(open, delta.text) : '';
      case 'signature':
        if (open.kind === 'reasoning') open.signature = delta.signature;
        return '';
      case 'citation':
        return open.kind === 'text' ? writeCitation(open, delta.citation) : '';
    }
  }

  function writeText(one: Reasoning | Said, delta: string, logprobs: readonly JsonValue[] = []): string {
    if (delta === '' && logprobs.length === 0) return '';
    if (!fits(delta)) return fail(TOO_LARGE);
    one.text += delta;
    if (one.kind === 'reasoning') {
      return event('response.reasoning_summary_text.delta', {
        item_id: one.id,
        output_index: output.length,
        summary_index: 0,
        delta,
      });
    }
    if (message === undefined) return '';
    if (one.kind === 'refusal') return pieceEvent('response.refusal.delta', one, delta, '');
    one.logprobs.push(...logprobs);
    return pieceEvent('response.output_text.delta', one, delta, `,"logprobs":${JSON.stringify(logprobs)}`);
  }

  function writeArguments(call: Call, delta: string): string {
    if (delta === '') return '';
    if (!fits(delta)) return fail(TOO_LARGE);
    call.text += delta;
    // The text of a custom tool is inside of the JSON, and told when all of it is there.
    if (takesText(context, call.name)) return '';
    return event('response.function_call_arguments.delta', {
      item_id: call.id,
      output_index: output.length,
      delta,
    });
  }

  function writeCitation(one: Said, citation: JsonValue): string {
    if (message === undefined) return '';
    const annotated = annotation(citation, one.text.length);
    const at = { ...place(message.id), content_index: message.content.length };
    one.annotations.push(annotated);
    return event('response.output_text.annotation.added', {
      ...at,
      annotation_index: one.annotations.length - 1,
      annotation: annotated,
    });
  }

  function endPart(): string {
    const one = open;
    open = undefined;
    switch (one?.kind) {
      case undefined:
        return '';
      case 'reasoning':
        return endReasoning(one);
      case 'tool_call':
        return endCall(one);
      case 'text':
      case 'refusal':
        return endSaid(one);
    }
  }

  function endReasoning({ id, text, signature }: Reasoning): string {
    const at = { ...place(id), summary_index: 0 };
    return (
      event('response.reasoning_summary_text.done', { ...at, text }) +
      event('response.reasoning_summary_part.done', { ...at, part: { type: 'summary_text', text } }) +
      done(reasoningItem(id, text, signature))
    );
  }

  function endCall({ id, callId: called, name, text }: Call): string {
    const isText = takesText(context, name);
    const item = callItem(id, { id: called, name, arguments: text || '{}' }, isText, 'completed');
    if (!isText) {
      return (
        event('response.function_call_arguments.done', { ...place(id), name, arguments: text || '{}' }) + done(item)
      );
    }
    const input = textInput(text);
    const delta = event('response.custom_tool_call_input.delta', { ...place(id), delta: input });
    return delta + event('response.custom_tool_call_input.done', { ...place(id), input }) + done(item);
  }

  function endSaid(one: Said): string {
    if (message === undefined) return '';
    const at = { ...place(message.id), content_index: message.content.length };
    const part = saidPart(one);
    message.content.push(part);
    const told =
      one.kind === 'refusal'
        ? event('response.refusal.done', { ...at, refusal: one.text })
        : event('response.output_text.done', { ...at, text: one.text, logprobs: one.logprobs });
    return told + event('response.content_part.done', { ...at, part });
  }

  function end(): string {
    if (ending === undefined || isBroken) return '';
    const { status } = ending;
    const text = event(`response.${status}`, { response: response(ending) });
    ending = undefined;
    return text;
  }

  return {
    write(one) {
      if (isBroken) return '';
      switch (one.kind) {
        case 'start':
          return begin(one);
        case 'usage':
          usage = one.usage;
          return '';
        case 'error':
          return fail(one.error);
        default:
          return one.candidate === 0 ? begin() + writeSaid(one) : '';
      }
    },
    end,
  };

  function writeSaid(one: Exclude<AnswerEvent, { kind: 'start' | 'usage' | 'error' }>): string {
    switch (one.kind) {
      case 'part_start':
        return startPart(one.start);
      case 'part_delta':
        return writeDelta(one.delta);
      case 'part_end':
        return endPart();
      case 'finish':
        ending = endingOf(one.finish, hasRefused);
        return endPart() + closeMessage();
    }
  }
}

function saidPart(one: Said): JsonObject {
  if (one.kind === 'refusal') return { type: 'refusal', refusal: one.text };
  return textPart(one.text, [...one.annotations], [...one.logprobs]);
}
