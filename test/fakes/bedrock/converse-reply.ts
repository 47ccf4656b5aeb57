/** Answers of Converse and ConverseStream. Source: Amazon Bedrock API reference, 2023-09-30. */
import { type Answer, jsonAnswer, type StreamAnswer } from '../answer.ts';
import { jsonEvent } from '../event-stream.ts';
import { type Block, type Reply, type Stop, untilFailure } from '../script.ts';
import type { Usage } from '../settings.ts';
import { streamException } from './errors.ts';

const STOP_REASONS: Readonly<Record<Stop, string>> = {
  end: 'end_turn',
  tools: 'tool_use',
  length: 'max_tokens',
  sequence: 'stop_sequence',
  filter: 'content_filtered',
  guardrail: 'guardrail_intervened',
  pause: 'end_turn',
  context: 'model_context_window_exceeded',
};

/** Usage in the shape of Converse: `inputTokens` without what came from the cache, the total with it. */
function converseUsage({ input, output, cached, cacheCreation }: Usage): Readonly<Record<string, unknown>> {
  return {
    inputTokens: input,
    outputTokens: output,
    totalTokens: input + output + cached + cacheCreation,
    cacheReadInputTokens: cached,
    cacheWriteInputTokens: cacheCreation,
    serverToolUsage: {},
  };
}

/** The answer in one piece. Shape: `asked` is the request's body. */
export function converseAnswer(reply: Reply, n: number, asked: Readonly<Record<string, unknown>>): Answer {
  const content = contentBlocks(reply).map((block, index) => contentBlock(block, n, index));
  const answer = {
    metrics: { latencyMs: 42 },
    output: { message: { content, role: 'assistant' } },
    ...stopOf(reply, asked),
    usage: converseUsage(reply.usage),
    ...traceOf(reply, asked),
  };
  return jsonAnswer(200, answer, reply.usage);
}

/** The content: a refusal is text here, for there is no other word. */
function contentBlocks(reply: Reply): readonly Block[] {
  const { refusal, blocks } = reply;
  return refusal === undefined ? blocks : [...blocks, { kind: 'text', text: refusal, pieces: [refusal] }];
}

function contentBlock(block: Block, n: number, index: number): unknown {
  switch (block.kind) {
    case 'thinking':
      return { reasoningContent: { reasoningText: { text: block.text, signature: block.signature } } };
    case 'redacted':
      return { reasoningContent: { redactedContent: block.data } };
    case 'text':
      return block.citation === undefined
        ? { text: block.text }
        : { citationsContent: { content: [{ text: block.text }], citations: [citation(block.citation)] } };
    case 'tool':
      return { toolUse: { input: block.input, name: block.name, toolUseId: toolId(block.id, n, index) } };
  }
}

function citation(passage: string): unknown {
  const location = { documentChar: { documentIndex: 0, start: 0, end: passage.length } };
  return { title: 'document', sourceContent: [{ text: passage }], location };
}

function toolId(id: string | undefined, n: number, index: number): string {
  return id ?? `tooluse_${n}_${index}`;
}

function stopOf(reply: Reply, asked: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const stopReason = STOP_REASONS[reply.refusal === undefined ? reply.stop : 'filter'];
  const asksSequence = ((asked.additionalModelResponseFieldPaths ?? []) as unknown[]).includes('/stop_sequence');
  const fields = asksSequence ? { additionalModelResponseFields: { stop_sequence: reply.stopSequence ?? null } } : {};
  return { stopReason, ...fields };
}

function traceOf(reply: Reply, asked: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const config = asked.guardrailConfig as { trace?: string; guardrailIdentifier: string } | undefined;
  if (reply.stop !== 'guardrail' || config?.trace !== 'enabled') return {};
  const topic = { topics: [{ name: 'fake', type: 'DENY', action: 'BLOCKED' }] };
  return { trace: { guardrail: { inputAssessment: { [config.guardrailIdentifier]: { topicPolicy: topic } } } } };
}

type Step = { readonly type: string; readonly value: Readonly<Record<string, unknown>> };

/** The answer as an event stream. */
export function converseStream(reply: Reply, n: number, asked: Readonly<Record<string, unknown>>): StreamAnswer {
  const steps: Step[] = [
    { type: 'messageStart', value: { role: 'assistant' } },
    ...contentBlocks(reply).flatMap((block, index) => blockSteps(block, n, index)),
    { type: 'messageStop', value: stopOf(reply, asked) },
    {
      type: 'metadata',
      value: { metrics: { latencyMs: 42 }, usage: converseUsage(reply.usage), ...traceOf(reply, asked) },
    },
  ];
  const { failure, usage } = reply;
  const sent = untilFailure(steps, ({ type }) => type === 'contentBlockDelta', failure);
  const events = sent.map(({ type, value }, index) => jsonEvent(type, { ...value, p: PADDING.slice(0, index % 52) }));
  if (failure !== undefined) events.push(streamException(failure.status, failure.message));
  return {
    kind: 'stream',
    status: 200,
    headers: { 'content-type': 'application/vnd.amazon.eventstream' },
    events,
    usage,
  };
}

// Events are padded to hide the length of tokens.
const PADDING = 'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ';

function blockSteps(block: Block, n: number, index: number): Step[] {
  const delta = (value: unknown): Step => ({
    type: 'contentBlockDelta',
    value: { contentBlockIndex: index, delta: value },
  });
  const stop: Step = { type: 'contentBlockStop', value: { contentBlockIndex: index } };
  switch (block.kind) {
    case 'thinking': {
      const texts = block.pieces.map((text) => delta({ reasoningContent: { text } }));
      return [...texts, delta({ reasoningContent: { signature: block.signature } }), stop];
    }
    case 'redacted':
      return [delta({ reasoningContent: { redactedContent: block.data } }), stop];
    case 'text': {
      const cites = block.citation === undefined ? [] : [delta({ citation: citation(block.citation) })];
      // Text has no contentBlockStart: the first delta begins it.
      return [...block.pieces.map((text) => delta({ text })), ...cites, stop];
    }
    case 'tool': {
      const start = { toolUse: { name: block.name, toolUseId: toolId(block.id, n, index) } };
      return [
        { type: 'contentBlockStart', value: { contentBlockIndex: index, start } },
        ...block.pieces.map((input) => delta({ toolUse: { input } })),
        stop,
      ];
    }
  }
}
