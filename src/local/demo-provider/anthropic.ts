/** The Messages API. Source: Anthropic API reference. */
import { type Answer, type Context, jsonAnswer, type TypedData, typedEvent } from './answer.ts';
import { composeReply, countTokens, lastUserText, textOf } from './reply.ts';
import { checkBody } from './request-schemas.ts';

/** Answers `POST /v1/messages`. Errors: throws `Refusal`. */
export function answerMessage(json: unknown, context: Context): Answer {
  const body = checkBody('message', json);
  const messages = body.messages as unknown[];
  const model = String(body.model);
  const inputTokens = countTokens(textOf(body.system) + textOf(messages));
  const prompt = { heard: lastUserText(messages), inputTokens };
  const reply = composeReply(context.provider, model, prompt, Number(body.max_tokens));
  const stopReason = reply.isCut ? 'max_tokens' : 'end_turn';
  const inputUsage = { input_tokens: inputTokens, cache_creation_input_tokens: 0, cache_read_input_tokens: 0 };
  const head = { id: `msg_demo_${context.serial}`, type: 'message', role: 'assistant', model };
  if (body.stream !== true) {
    return jsonAnswer({
      ...head,
      content: [{ type: 'text', text: reply.text }],
      stop_reason: stopReason,
      stop_sequence: null,
      usage: { ...inputUsage, output_tokens: reply.outputTokens },
    });
  }
  const empty = { ...head, content: [], stop_reason: null, stop_sequence: null };
  const steps: readonly TypedData[] = [
    { type: 'message_start', message: { ...empty, usage: { ...inputUsage, output_tokens: 1 } } },
    { type: 'content_block_start', index: 0, content_block: { type: 'text', text: '' } },
    { type: 'ping' },
    ...reply.pieces.map((text) => ({
      type: 'content_block_delta',
      index: 0,
      delta: { type: 'text_delta', text },
    })),
    { type: 'content_block_stop', index: 0 },
    {
      type: 'message_delta',
      delta: { stop_reason: stopReason, stop_sequence: null },
      usage: { ...inputUsage, output_tokens: reply.outputTokens },
    },
    { type: 'message_stop' },
  ];
  return { kind: 'stream', events: steps.map(typedEvent) };
}
