/** `POST /v1/responses` and `POST /v1/responses/input_tokens`. Source: OpenAI API reference. */
import { type Answer, jsonAnswer, sseEvent, streamAnswer } from '../answer.ts';
import type { RecordedRequest } from '../recorded.ts';
import type { FakeSettings, Usage } from '../settings.ts';
import { promptText, replyPieces, usageOf } from '../usage.ts';
import { CREATED } from './chat.ts';
import { refuse, requireFields, requireJson, requireModel } from './errors.ts';

const FIELDS = {
  ...{
    model: 'string!',
    input: 'string|array',
    background: 'boolean',
    conversation: 'string|object',
    include: 'array',
  },
  ...{ instructions: 'string|array', max_output_tokens: 'integer', max_tool_calls: 'integer', metadata: 'object' },
  ...{ parallel_tool_calls: 'boolean', previous_response_id: 'string', prompt: 'object', prompt_cache_key: 'string' },
  ...{ prompt_cache_retention: 'string', reasoning: 'object', safety_identifier: 'string', service_tier: 'string' },
  ...{ store: 'boolean', stream: 'boolean', stream_options: 'object', temperature: 'number', text: 'object' },
  ...{ tool_choice: 'string|object', tools: 'array', top_logprobs: 'integer', top_p: 'number', truncation: 'string' },
  user: 'string',
};

/** Usage in the shape of responses. */
export function responsesUsage(usage: Usage): unknown {
  return {
    input_tokens: usage.input,
    input_tokens_details: { cached_tokens: usage.cached },
    output_tokens: usage.output,
    output_tokens_details: { reasoning_tokens: usage.reasoning },
    total_tokens: usage.input + usage.output,
  };
}

/** Answers a response. Errors: throws `Refusal`. */
export function response(request: RecordedRequest, settings: FakeSettings): Answer {
  const body = requireInput(request, settings);
  const model = requireModel(body.model, settings);
  const usage = usageOf(request, settings, promptText(body.instructions) + promptText(body.input));
  const pieces = replyPieces(request, settings);
  const base = {
    id: `resp_${request.n}`,
    object: 'response',
    created_at: CREATED,
    model,
    error: null,
    incomplete_details: null,
  };
  const part = { type: 'output_text', text: pieces.join(''), annotations: [], logprobs: [] };
  const item = { id: `msg_${request.n}`, type: 'message', status: 'completed', role: 'assistant', content: [part] };
  const done = { ...base, status: 'completed', output: [item], usage: responsesUsage(usage) };
  if (body.stream !== true) return jsonAnswer(200, done, usage);

  const started = { ...base, status: 'in_progress', output: [], usage: null };
  const place = { item_id: item.id, output_index: 0, content_index: 0 };
  const steps: readonly Readonly<Record<string, unknown>>[] = [
    { type: 'response.created', response: started },
    { type: 'response.in_progress', response: started },
    { type: 'response.output_item.added', output_index: 0, item: { ...item, status: 'in_progress', content: [] } },
    { type: 'response.content_part.added', ...place, part: { ...part, text: '' } },
    ...pieces.map((delta) => ({ type: 'response.output_text.delta', ...place, delta, logprobs: [] })),
    { type: 'response.output_text.done', ...place, text: part.text, logprobs: [] },
    { type: 'response.content_part.done', ...place, part },
    { type: 'response.output_item.done', output_index: 0, item },
    { type: 'response.completed', response: done },
  ];
  // This API ends its stream with `response.completed`; there is no [DONE].
  const events = steps.map((step, index) => sseEvent(settings, { ...step, sequence_number: index }, String(step.type)));
  return streamAnswer(events, usage);
}

/** Counts the input of a response that is not made. Errors: throws `Refusal`. */
export function inputTokens(request: RecordedRequest, settings: FakeSettings): Answer {
  const body = requireInput(request, settings);
  requireModel(body.model, settings);
  const { input } = usageOf(request, settings, promptText(body.instructions) + promptText(body.input));
  return jsonAnswer(200, { object: 'response.input_tokens', input_tokens: input });
}

function requireInput(request: RecordedRequest, settings: FakeSettings): Record<string, unknown> {
  const body = requireJson(request);
  requireFields(body, FIELDS, settings);
  if (body.input === undefined && body.prompt === undefined && body.previous_response_id === undefined) {
    throw refuse(400, "Missing required parameter: 'input'.", 'missing_required_parameter', 'input');
  }
  return body;
}
