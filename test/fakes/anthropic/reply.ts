/** Answers of the messages API, in one piece and as the events of a stream. Source: Anthropic API reference. */
import { type Block, type Reply, type Stop, untilFailure } from '../script.ts';
import type { FakeSettings, Usage } from '../settings.ts';

/** One event of a stream. */
export type MessageEvent = Readonly<Record<string, unknown>> & { readonly type: string };

const STOP_REASONS: Readonly<Record<Stop, string>> = {
  end: 'end_turn',
  tools: 'tool_use',
  length: 'max_tokens',
  sequence: 'stop_sequence',
  filter: 'refusal',
  guardrail: 'refusal',
  pause: 'pause_turn',
  context: 'model_context_window_exceeded',
};

/** Who answers what. */
export interface MessageHead {
  readonly n: number;
  readonly model: string;
}

/** The message in one piece. */
export function wholeMessage(reply: Reply, { n, model }: MessageHead): unknown {
  return {
    ...{ id: `msg_${n}`, type: 'message', role: 'assistant', model },
    content: contentOf(reply).map((block, index) => contentBlock(block, n, index)),
    ...stopOf(reply),
    usage: wholeUsage(reply.usage, reply.usage.output),
  };
}

/** The message as events, up to its failure, if it has one. */
export function messageEvents(reply: Reply, head: MessageHead, settings: FakeSettings): readonly MessageEvent[] {
  const { usage } = reply;
  const start = {
    ...{ id: `msg_${head.n}`, type: 'message', role: 'assistant', model: head.model },
    ...{ content: [], stop_reason: null, stop_sequence: null, usage: wholeUsage(usage, 1) },
  };
  const counts = settings.deltaInputTokens
    ? { ...inputCounts(usage), output_tokens: usage.output }
    : { output_tokens: usage.output };
  const [first, ...rest] = contentOf(reply).flatMap((block, index) => blockEvents(block, head.n, index));
  const events: MessageEvent[] = [
    { type: 'message_start', message: start },
    ...(first === undefined ? [] : [first]),
    { type: 'ping' },
    ...rest,
    { type: 'message_delta', delta: stopOf(reply), usage: counts },
    { type: 'message_stop' },
  ];
  return untilFailure(events, ({ type, delta }) => type === 'content_block_delta' && !isSilent(delta), reply.failure);
}

/** A refusal is said in words, and told by the stop reason. */
function contentOf({ refusal, blocks }: Reply): readonly Block[] {
  return refusal === undefined ? blocks : [...blocks, { kind: 'text', text: refusal, pieces: [refusal] }];
}

function stopOf(reply: Reply): Record<string, unknown> {
  return {
    stop_reason: reply.refusal === undefined ? STOP_REASONS[reply.stop] : 'refusal',
    stop_sequence: reply.stopSequence ?? null,
  };
}

function contentBlock(block: Block, n: number, index: number): unknown {
  switch (block.kind) {
    case 'thinking':
      return { type: 'thinking', thinking: block.text, signature: block.signature };
    case 'redacted':
      return { type: 'redacted_thinking', data: block.data };
    case 'text':
      return block.citation === undefined
        ? { type: 'text', text: block.text }
        : { type: 'text', text: block.text, citations: [citation(block.citation)] };
    case 'tool':
      return { type: 'tool_use', id: toolId(block.id, n, index), name: block.name, input: block.input };
  }
}

function citation(passage: string): unknown {
  return {
    ...{ type: 'char_location', cited_text: passage, document_index: 0, document_title: 'document' },
    ...{ start_char_index: 0, end_char_index: passage.length },
  };
}

function toolId(id: string | undefined, n: number, index: number): string {
  return id ?? `toolu_${n}_${index}`;
}

function blockEvents(block: Block, n: number, index: number): MessageEvent[] {
  const start = (contentBlock: unknown): MessageEvent => ({
    ...{ type: 'content_block_start', index, content_block: contentBlock },
  });
  const delta = (value: unknown): MessageEvent => ({ type: 'content_block_delta', index, delta: value });
  const stop: MessageEvent = { type: 'content_block_stop', index };
  switch (block.kind) {
    case 'thinking': {
      const texts = block.pieces.map((thinking) => delta({ type: 'thinking_delta', thinking }));
      const signed = delta({ type: 'signature_delta', signature: block.signature });
      return [start({ type: 'thinking', thinking: '', signature: '' }), ...texts, signed, stop];
    }
    case 'redacted':
      return [start({ type: 'redacted_thinking', data: block.data }), stop];
    case 'text': {
      const cited = block.citation === undefined ? [] : [citation(block.citation)];
      const cites = cited.map((value) => delta({ type: 'citations_delta', citation: value }));
      const texts = block.pieces.map((text) => delta({ type: 'text_delta', text }));
      return [start({ type: 'text', text: '' }), ...texts, ...cites, stop];
    }
    case 'tool': {
      const begun = { type: 'tool_use', id: toolId(block.id, n, index), name: block.name, input: {} };
      // The first piece of arguments is always empty.
      const pieces = ['', ...block.pieces].map((piece) => delta({ type: 'input_json_delta', partial_json: piece }));
      return [start(begun), ...pieces, stop];
    }
  }
}

function isSilent(delta: unknown): boolean {
  const { type, partial_json: piece } = delta as { type: string; partial_json?: string };
  return type === 'signature_delta' || type === 'citations_delta' || piece === '';
}

function inputCounts(usage: Usage): Record<string, number> {
  return {
    input_tokens: usage.input,
    cache_creation_input_tokens: usage.cacheCreation,
    cache_read_input_tokens: usage.cached,
  };
}

function wholeUsage(usage: Usage, output: number): unknown {
  return {
    ...inputCounts(usage),
    cache_creation: { ephemeral_5m_input_tokens: usage.cacheCreation, ephemeral_1h_input_tokens: 0 },
    output_tokens: output,
    service_tier: 'standard',
  };
}
