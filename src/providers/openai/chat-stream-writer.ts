import { jsonText } from '../../lib/json-text.ts';
import { sseEvent } from '../../lib/sse.ts';
import type { AnswerEvent, JsonObject, JsonValue, PartDelta, PartStart, Usage } from '../conversation.ts';
import type { AnswerContext, StreamWriter } from '../dialect.ts';
import { callId, chatFinish, googleContent, thinkingBlock } from './chat-answer-writer.ts';
import { writeChatUsage } from './chat-usage.ts';
import { writeOpenAiError } from './errors.ts';

/** What of a candidate is open. */
interface Open {
  readonly index: number;
  /** What its chunks begin with, known with the first of them. */
  begin: string;
  hasRole: boolean;
  kind: PartStart['kind'];
  /** Calls of tools begun. */
  calls: number;
  /** Reasoning so far, kept for the block that is sent back with its signature. */
  thought: string[];
}

/**
 * A stream of chat completion chunks. The chunks are made of ready text around what is new in them: a chunk of text costs
 * one escaping of that text.
 */
export function createChatStreamWriter(context: AnswerContext): StreamWriter {
  const candidates = new Map<number, Open>();
  let head = '';
  let usage: Usage | undefined;
  let isBroken = false;

  /** Opens the JSON of a chunk; `id`, `model` and time come with the first event and stay. */
  function chunkHead(event?: AnswerEvent): string {
    if (head === '') {
      const start = event?.kind === 'start' ? event : undefined;
      const fields = {
        id: start?.id ?? `chatcmpl-${context.requestId}`,
        object: 'chat.completion.chunk',
        created: start?.createdSeconds ?? context.nowSeconds,
        model: start?.model ?? context.model,
      };
      head = `data: ${JSON.stringify(fields).slice(0, -1)},"choices":[`;
    }
    return head;
  }

  function open(candidate: number): Open {
    let one = candidates.get(candidate);
    if (one === undefined) {
      one = { index: candidate, begin: '', hasRole: false, kind: 'text', calls: 0, thought: [] };
      candidates.set(candidate, one);
    }
    return one;
  }

  /** Shape: `delta` is the inside of an object. */
  function chunk(one: Open, delta: string, rest = ''): string {
    // Joined, it is one text, which is cheaper to put into others.
    if (one.begin === '') one.begin = [chunkHead(), `{"index":${one.index},"delta":{`].join('');
    const role = one.hasRole ? '' : `"role":"assistant"${delta === '' ? '' : ','}`;
    one.hasRole = true;
    return `${one.begin}${role}${delta}}${rest},"finish_reason":null}]}\n\n`;
  }

  function object(one: Open, delta: JsonObject): string {
    return chunk(one, JSON.stringify(delta).slice(1, -1));
  }

  function writeStart(candidate: number, start: PartStart): string {
    const one = open(candidate);
    one.kind = start.kind;
    switch (start.kind) {
      case 'text':
        return one.hasRole ? '' : object(one, { content: '' });
      case 'reasoning':
        one.thought = [];
        return '';
      case 'refusal':
        return '';
      case 'redacted_reasoning':
        return object(one, { thinking_blocks: [{ type: 'redacted_thinking', data: start.data }] });
      case 'tool_call': {
        const index = one.calls;
        one.calls += 1;
        const id = start.id || callId(context, candidate, index);
        const called = { name: start.name, arguments: '' };
        const call = { index, id, type: 'function', function: called, ...googleContent(start.signature) };
        return object(one, { tool_calls: [call] });
      }
    }
  }

  function writeDelta(candidate: number, delta: PartDelta): string {
    const one = open(candidate);
    switch (delta.kind) {
      case 'text':
        if (one.kind === 'reasoning') {
          one.thought.push(delta.text);
          return delta.text === '' ? '' : chunk(one, `"reasoning_content":${jsonText(delta.text)}`);
        }
        return writeText(one, one.kind === 'refusal' ? 'refusal' : 'content', delta.text, delta.logprobs);
      case 'arguments':
        return delta.text === ''
          ? ''
          : chunk(one, `"tool_calls":[{"index":${one.calls - 1},"function":{"arguments":${jsonText(delta.text)}}}]`);
      case 'signature':
        if (one.kind !== 'reasoning') return object(one, googleContent(delta.signature));
        return object(one, { thinking_blocks: [thinkingBlock(one.thought.join(''), delta.signature)] });
      case 'citation':
        return object(one, { citations: [delta.citation] });
    }
  }

  function writeText(one: Open, key: string, text: string, logprobs: readonly JsonValue[] | undefined): string {
    const rest = logprobs === undefined ? '' : `,"logprobs":${JSON.stringify({ content: logprobs, refusal: null })}`;
    return text === '' && rest === '' ? '' : chunk(one, `"${key}":${jsonText(text)}`, rest);
  }

  function writeFinish(event: AnswerEvent & { kind: 'finish' }): string {
    const { candidate, finish, stopSequence, logprobs, extra } = event;
    const choice = {
      index: candidate,
      delta: open(candidate).hasRole ? {} : { role: 'assistant', content: '' },
      ...(logprobs !== undefined && { logprobs: { content: logprobs, refusal: null } }),
      finish_reason: chatFinish(finish),
      ...(stopSequence !== undefined && { stop_reason: stopSequence }),
      ...extra,
    };
    return `${chunkHead()}${JSON.stringify(choice)}]}\n\n`;
  }

  return {
    write(event) {
      switch (event.kind) {
        case 'start':
          chunkHead(event);
          return '';
        case 'part_start':
          return writeStart(event.candidate, event.start);
        case 'part_delta':
          return writeDelta(event.candidate, event.delta);
        case 'part_end':
          return '';
        case 'finish':
          return writeFinish(event);
        case 'usage':
          usage = event.usage;
          return '';
        case 'error':
          isBroken = true;
          return sseEvent(JSON.stringify(writeOpenAiError(event.error)));
      }
    },
    end() {
      if (isBroken) return '';
      const told = usage !== undefined && context.request.includeUsage;
      return `${told ? `${chunkHead()}],"usage":${JSON.stringify(writeChatUsage(usage as Usage))}}\n\n` : ''}data: [DONE]\n\n`;
    },
  };
}
