/** The Responses API. Source: OpenAI API reference. */
import { type Answer, type Context, jsonAnswer, type TypedData, typedEvent } from './answer.ts';
import { composeReply, countTokens, lastUserText, textOf } from './reply.ts';
import { checkBody } from './request-schemas.ts';

/** Answers `POST /v1/responses`. Errors: throws `Refusal`. */
export function answerResponse(json: unknown, context: Context): Answer {
  const body = checkBody('response', json);
  const { input } = body;
  const prompt = {
    heard: Array.isArray(input) ? lastUserText(input) : textOf(input),
    inputTokens: countTokens(textOf(input) + textOf(body.instructions)),
  };
  const limit = typeof body.max_output_tokens === 'number' ? body.max_output_tokens : undefined;
  const model = String(body.model);
  const reply = composeReply(context.provider, model, prompt, limit);
  const status = reply.isCut ? 'incomplete' : 'completed';
  const part = { type: 'output_text', text: reply.text, annotations: [] };
  const itemId = `msg_demo_${context.serial}`;
  const item = { type: 'message', id: itemId, role: 'assistant', status, content: [part] };
  const started = {
    id: `resp_demo_${context.serial}`,
    object: 'response',
    created_at: context.now,
    status: 'in_progress',
    error: null,
    incomplete_details: null,
    instructions: body.instructions ?? null,
    max_output_tokens: limit ?? null,
    metadata: body.metadata ?? {},
    model,
    output: [],
    parallel_tool_calls: body.parallel_tool_calls ?? true,
    previous_response_id: body.previous_response_id ?? null,
    reasoning: { effort: null, summary: null },
    store: false,
    temperature: body.temperature ?? 1,
    text: { format: { type: 'text' } },
    tool_choice: body.tool_choice ?? 'auto',
    tools: body.tools ?? [],
    top_p: body.top_p ?? 1,
    truncation: body.truncation ?? 'disabled',
    usage: null,
  };
  const ended = {
    ...started,
    status,
    incomplete_details: reply.isCut ? { reason: 'max_output_tokens' } : null,
    output: [item],
    usage: {
      input_tokens: reply.inputTokens,
      input_tokens_details: { cached_tokens: 0 },
      output_tokens: reply.outputTokens,
      output_tokens_details: { reasoning_tokens: 0 },
      total_tokens: reply.inputTokens + reply.outputTokens,
    },
  };
  if (body.stream !== true) return jsonAnswer(ended);
  const at = { item_id: itemId, output_index: 0, content_index: 0 };
  const steps: readonly TypedData[] = [
    { type: 'response.created', response: started },
    { type: 'response.in_progress', response: started },
    {
      type: 'response.output_item.added',
      output_index: 0,
      item: { ...item, status: 'in_progress', content: [] },
    },
    { type: 'response.content_part.added', ...at, part: { ...part, text: '' } },
    ...reply.pieces.map((delta) => ({ type: 'response.output_text.delta', ...at, delta })),
    { type: 'response.output_text.done', ...at, text: reply.text },
    { type: 'response.content_part.done', ...at, part },
    { type: 'response.output_item.done', output_index: 0, item },
    { type: `response.${status}`, response: ended },
  ];
  return { kind: 'stream', events: steps.map((step, index) => typedEvent({ ...step, sequence_number: index })) };
}
