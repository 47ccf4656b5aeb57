import { jsonText } from '../../lib/json-text.ts';
import { sseEvent } from '../../lib/sse.ts';
import type { AnswerEvent, JsonObject, PartDelta, PartStart, ProviderError, Usage } from '../conversation.ts';
import type { AnswerContext, StreamWriter } from '../dialect.ts';
import {
  BROKEN_MODEL,
  messageId,
  signatureBlock,
  stopReason,
  toolUseId,
  writeUsage,
} from './messages-answer-writer.ts';
import { writeCitation } from './messages-citations.ts';
import { writeMessagesError } from './messages-errors.ts';

/** The part that is open. `isBegun`: the client has been told; that of a text waits for its first word. */
interface Open {
  readonly kind: PartStart['kind'];
  isBegun: boolean;
}

/** The stream of a message. Deltas are made of ready text around what is new in them. */
export function createMessagesStreamWriter(context: AnswerContext): StreamWriter {
  let index = 0;
  let calls = 0;
  let open: Open | undefined;
  let hasStarted = false;
  let isBroken = false;
  let usage: Usage | undefined;
  let stop: JsonObject = { stop_reason: 'end_turn', stop_sequence: null };
  let extra: JsonObject = {};

  function start(event?: AnswerEvent): string {
    if (hasStarted) return '';
    hasStarted = true;
    const { id, model } = event?.kind === 'start' ? event : {};
    const message = {
      id: id ?? messageId(context),
      type: 'message',
      role: 'assistant',
      model: model ?? context.model,
      content: [],
      stop_reason: null,
      stop_sequence: null,
      // Most providers tell what was used at the end alone.
      usage: writeUsage(usage),
    };
    return `${named({ type: 'message_start', message })}event: ping\ndata: {"type":"ping"}\n\n`;
  }

  function begin(content_block: JsonObject): string {
    return `${start()}${named({ type: 'content_block_start', index, content_block })}`;
  }

  function writeStart(part: PartStart): string {
    open = { kind: part.kind, isBegun: true };
    switch (part.kind) {
      case 'text':
      case 'refusal':
        open.isBegun = false;
        return '';
      case 'reasoning':
        return begin({ type: 'thinking', thinking: '', signature: '' });
      case 'redacted_reasoning':
        return begin({ type: 'redacted_thinking', data: part.data });
      case 'tool_call': {
        const id = toolUseId(part.id, context, calls);
        calls += 1;
        const before = signatureBlock(part.signature).map(signedBlock).join('');
        return before + begin({ type: 'tool_use', id, name: part.name, input: {} });
      }
    }
  }

  /** As the API streams it: SDKs take the signature from a delta alone. */
  function signedBlock({ signature = '' }: JsonObject): string {
    const text = begin({ type: 'thinking', thinking: '', signature: '' });
    const signed = delta(`"signature_delta","signature":${JSON.stringify(signature)}`);
    const whole = `${text}${signed}${named({ type: 'content_block_stop', index })}`;
    index += 1;
    return whole;
  }

  /** Shape: `inside` begins with the type. */
  function delta(inside: string): string {
    return `event: content_block_delta\ndata: {"type":"content_block_delta","index":${index},"delta":{"type":${inside}}}\n\n`;
  }

  function writeDelta(change: PartDelta): string {
    if (open === undefined) return '';
    switch (change.kind) {
      case 'text':
        if (change.text === '') return '';
        if (open.kind === 'reasoning') return delta(`"thinking_delta","thinking":${jsonText(change.text)}`);
        return beginText(open) + delta(`"text_delta","text":${jsonText(change.text)}`);
      case 'arguments':
        return delta(`"input_json_delta","partial_json":${jsonText(change.text)}`);
      case 'signature':
        // Those of texts are Gemini's, and have no room here.
        return open.kind === 'reasoning'
          ? delta(`"signature_delta","signature":${JSON.stringify(change.signature)}`)
          : '';
      case 'citation': {
        const citation = writeCitation(change.citation);
        if (citation === undefined || open.kind !== 'text') return '';
        return beginText(open) + delta(`"citations_delta","citation":${JSON.stringify(citation)}`);
      }
    }
  }

  function beginText(part: Open): string {
    if (part.isBegun) return '';
    part.isBegun = true;
    return begin({ type: 'text', text: '' });
  }

  function writeEnd(): string {
    const isBegun = open?.isBegun === true;
    open = undefined;
    if (!isBegun) return '';
    const text = named({ type: 'content_block_stop', index });
    index += 1;
    return text;
  }

  function finish(event: AnswerEvent & { kind: 'finish' }): string {
    const reason = stopReason(event.finish, event.stopSequence);
    if (reason === undefined) return fail({ status: 502, message: BROKEN_MODEL });
    stop = {
      stop_reason: reason,
      stop_sequence: reason === 'stop_sequence' ? (event.stopSequence ?? null) : null,
    };
    extra = event.extra ?? {};
    return '';
  }

  function fail(error: ProviderError): string {
    isBroken = true;
    return sseEvent(JSON.stringify(writeMessagesError(error)), 'error');
  }

  function writeEvent(event: AnswerEvent): string {
    // The API has one candidate.
    if ('candidate' in event && event.candidate !== 0) return '';
    switch (event.kind) {
      case 'start':
        return start(event);
      case 'part_start':
        return writeStart(event.start);
      case 'part_delta':
        return writeDelta(event.delta);
      case 'part_end':
        return writeEnd();
      case 'finish':
        return finish(event);
      case 'usage':
        usage = event.usage;
        return '';
      case 'error':
        return fail(event.error);
    }
  }

  return {
    write: (event) => (isBroken ? '' : writeEvent(event)),
    end() {
      if (isBroken) return '';
      // What was used comes behind the reason to stop.
      const last = { type: 'message_delta', delta: { ...stop, ...extra }, usage: writeUsage(usage) };
      return `${start()}${named(last)}event: message_stop\ndata: {"type":"message_stop"}\n\n`;
    },
  };
}

function named(event: JsonObject & { readonly type: string }): string {
  return sseEvent(JSON.stringify(event), event.type);
}
