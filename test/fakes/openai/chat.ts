/** `POST /v1/chat/completions` and the older `POST /v1/completions`. Source: OpenAI API reference. */
import { type Answer, jsonAnswer, sseEvent, streamAnswer } from '../answer.ts';
import { asObject } from '../fields.ts';
import type { RecordedRequest } from '../recorded.ts';
import { type Block, type Reply, replyOf, type Stop } from '../script.ts';
import type { FakeSettings, Usage } from '../settings.ts';
import { promptText, replyPieces, usageOf } from '../usage.ts';
import { openaiStatusError, refuse, requireFields, requireJson, requireModel, wantsStreamUsage } from './errors.ts';

/** Seconds; fixed, so that answers compare equal. */
export const CREATED = 1_735_689_600;

const SAMPLING = {
  ...{ model: 'string!', frequency_penalty: 'number', presence_penalty: 'number', logit_bias: 'object' },
  ...{ max_tokens: 'integer', n: 'integer', seed: 'integer', stop: 'string|array', stream: 'boolean' },
  ...{ stream_options: 'object', temperature: 'number', top_p: 'number', user: 'string' },
};

const CHAT_FIELDS = {
  ...SAMPLING,
  ...{ messages: 'array!', audio: 'object', function_call: 'string|object', functions: 'array', logprobs: 'boolean' },
  ...{ max_completion_tokens: 'integer', metadata: 'object', modalities: 'array', parallel_tool_calls: 'boolean' },
  ...{ prediction: 'object', prompt_cache_key: 'string', prompt_cache_retention: 'string', reasoning_effort: 'string' },
  ...{ response_format: 'object', safety_identifier: 'string', service_tier: 'string', store: 'boolean' },
  ...{ tool_choice: 'string|object', tools: 'array', top_logprobs: 'integer', verbosity: 'string' },
  ...{ web_search_options: 'object' },
};

const COMPLETION_FIELDS = {
  ...SAMPLING,
  ...{ prompt: 'string|array!', best_of: 'integer', echo: 'boolean', logprobs: 'integer', suffix: 'string' },
};

const ROLES = new Set(['developer', 'system', 'user', 'assistant', 'tool', 'function']);

/** Usage in the shape of chat and completions. */
export function chatUsage(usage: Usage): unknown {
  return {
    prompt_tokens: usage.input,
    completion_tokens: usage.output,
    total_tokens: usage.input + usage.output,
    prompt_tokens_details: { cached_tokens: usage.cached, audio_tokens: 0 },
    completion_tokens_details: {
      reasoning_tokens: usage.reasoning,
      audio_tokens: 0,
      accepted_prediction_tokens: 0,
      rejected_prediction_tokens: 0,
    },
  };
}

/** Variations that Azure adds to the same protocol. */
export interface ChatVariant {
  /** Merged into each choice. */
  readonly choice?: Readonly<Record<string, unknown>>;
  /** Merged into a unary answer, and sent as a first chunk without choices in a stream. */
  readonly prelude?: Readonly<Record<string, unknown>>;
  /** The model, where the path names it. */
  readonly model?: string;
}

/** Answers a chat completion. Errors: throws `Refusal`. */
export function chatCompletion(request: RecordedRequest, settings: FakeSettings, variant: ChatVariant = {}): Answer {
  const body = requireJson(request);
  const fields = variant.model === undefined ? CHAT_FIELDS : { ...CHAT_FIELDS, model: 'string' };
  requireFields(body, fields, settings);
  const model = requireModel(variant.model ?? body.model, settings);
  requireMessages(body.messages);
  requireRanges(body);
  const withUsage = wantsStreamUsage(body);
  const reply = replyOf(request, settings, promptText(body.messages));
  const { usage } = reply;
  const head = {
    id: `chatcmpl-${request.n}`,
    created: CREATED,
    model,
    service_tier: 'default',
    system_fingerprint: 'fp_fake',
  };
  if (body.stream !== true) {
    const message = wholeMessage(reply, request.n);
    const choice = { index: 0, message, logprobs: null, finish_reason: FINISH[reply.stop], ...variant.choice };
    const answer = {
      ...head,
      object: 'chat.completion',
      choices: [choice],
      usage: chatUsage(usage),
      ...variant.prelude,
    };
    return jsonAnswer(200, answer, usage);
  }
  const rest = withUsage ? { usage: null } : {};
  const chunk = (delta: unknown, finish: string | null): string =>
    sseEvent(settings, {
      ...{ ...head, object: 'chat.completion.chunk' },
      choices: [{ index: 0, delta, logprobs: null, finish_reason: finish, ...variant.choice }],
      ...rest,
    });
  const bare = { ...head, object: 'chat.completion.chunk', choices: [] };
  const first = [
    ...(variant.prelude === undefined ? [] : [sseEvent(settings, { ...bare, ...variant.prelude, ...rest })]),
    chunk({ role: 'assistant', content: '', refusal: null }, null),
  ];
  const deltas = contentDeltas(reply, request.n).map((delta) => chunk(delta, null));
  const { failure } = reply;
  if (failure !== undefined) {
    const error = sseEvent(settings, openaiStatusError(failure.status, failure.message));
    return streamAnswer([...first, ...deltas.slice(0, failure.after), error], usage);
  }
  const events = [
    ...first,
    ...deltas,
    chunk({}, FINISH[reply.stop]),
    ...(withUsage ? [sseEvent(settings, { ...bare, usage: chatUsage(usage) })] : []),
    sseEvent(settings, '[DONE]'),
  ];
  return streamAnswer(events, usage);
}

const FINISH: Readonly<Record<Stop, string>> = {
  ...{ end: 'stop', tools: 'tool_calls', length: 'length', sequence: 'stop', filter: 'content_filter' },
  ...{ guardrail: 'content_filter', pause: 'stop', context: 'length' },
};

/** Thoughts stay with the provider. */
function wholeMessage({ blocks, refusal }: Reply, n: number): unknown {
  const texts = blocks.flatMap((block) => (block.kind === 'text' ? [block.text] : []));
  const calls = toolBlocks(blocks).map((block, index) => ({
    ...{ id: block.id ?? `call_${n}_${index}`, type: 'function' },
    function: { name: block.name, arguments: JSON.stringify(block.input) },
  }));
  const content = texts.length === 0 ? null : texts.join('');
  const rest = calls.length === 0 ? {} : { tool_calls: calls };
  return { role: 'assistant', content, refusal: refusal ?? null, annotations: [], ...rest };
}

function toolBlocks(blocks: readonly Block[]): (Block & { readonly kind: 'tool' })[] {
  return blocks.filter((block) => block.kind === 'tool');
}

function contentDeltas({ blocks, refusal }: Reply, n: number): unknown[] {
  const texts = blocks.flatMap((block) => (block.kind === 'text' ? block.pieces : []));
  const calls = toolBlocks(blocks).flatMap((block, index) => {
    const id = block.id ?? `call_${n}_${index}`;
    const first = { index, id, type: 'function', function: { name: block.name, arguments: '' } };
    const more = block.pieces.map((piece) => ({ index, function: { arguments: piece } }));
    return [first, ...more].map((call) => ({ tool_calls: [call] }));
  });
  return [...texts.map((content) => ({ content })), ...(refusal === undefined ? [] : [{ refusal }]), ...calls];
}

/** Answers a completion. Errors: throws `Refusal`. */
export function completion(request: RecordedRequest, settings: FakeSettings, pathModel?: string): Answer {
  const body = requireJson(request);
  requireFields(
    body,
    pathModel === undefined ? COMPLETION_FIELDS : { ...COMPLETION_FIELDS, model: 'string' },
    settings,
  );
  const model = requireModel(pathModel ?? body.model, settings);
  requireRanges(body);
  const withUsage = wantsStreamUsage(body);
  const usage = usageOf(request, settings, promptText(body.prompt));
  const pieces = replyPieces(request, settings);
  const head = { id: `cmpl-${request.n}`, object: 'text_completion', created: CREATED, model };
  const choice = (text: string, finish: string | null): unknown => ({
    text,
    index: 0,
    logprobs: null,
    finish_reason: finish,
  });
  if (body.stream !== true) {
    return jsonAnswer(200, { ...head, choices: [choice(pieces.join(''), 'stop')], usage: chatUsage(usage) }, usage);
  }
  const rest = withUsage ? { usage: null } : {};
  const events = [
    ...pieces.map((text) => sseEvent(settings, { ...head, choices: [choice(text, null)], ...rest })),
    sseEvent(settings, { ...head, choices: [choice('', 'stop')], ...rest }),
    ...(withUsage ? [sseEvent(settings, { ...head, choices: [], usage: chatUsage(usage) })] : []),
    sseEvent(settings, '[DONE]'),
  ];
  return streamAnswer(events, usage);
}

function requireMessages(value: unknown): void {
  const messages = value as unknown[];
  if (messages.length === 0) {
    throw refuse(
      400,
      "Invalid 'messages': empty array. Expected an array with minimum length 1.",
      'empty_array',
      'messages',
    );
  }
  for (const [index, entry] of messages.entries()) {
    const message = asObject(entry);
    const param = `messages[${index}]`;
    if (message === undefined)
      throw refuse(400, `Invalid type for '${param}': expected an object.`, 'invalid_type', param);
    if (typeof message.role !== 'string' || !ROLES.has(message.role)) {
      throw refuse(400, `Invalid value: '${String(message.role)}'.`, 'invalid_value', `${param}.role`);
    }
    const mayBeEmpty = message.role === 'assistant' || message.role === 'function';
    const hasContent = typeof message.content === 'string' || Array.isArray(message.content);
    if (!hasContent && !(mayBeEmpty && (message.content === null || message.content === undefined))) {
      throw refuse(
        400,
        `Invalid value for 'content': expected a string, got ${String(message.content)}.`,
        null,
        `${param}.content`,
      );
    }
    if (message.role === 'tool' && typeof message.tool_call_id !== 'string') {
      throw refuse(400, `Missing parameter 'tool_call_id'.`, null, `${param}.tool_call_id`);
    }
  }
}

const RANGES: readonly (readonly [string, number, number])[] = [
  ['temperature', 0, 2],
  ['top_p', 0, 1],
  ['presence_penalty', -2, 2],
  ['frequency_penalty', -2, 2],
  ['n', 1, 128],
  ['max_tokens', 1, Number.MAX_SAFE_INTEGER],
  ['max_completion_tokens', 1, Number.MAX_SAFE_INTEGER],
];

function requireRanges(body: Record<string, unknown>): void {
  for (const [field, low, high] of RANGES) {
    const value = body[field];
    if (typeof value === 'number' && (value < low || value > high)) {
      throw refuse(400, `Invalid '${field}': expected a value between ${low} and ${high}.`, 'invalid_value', field);
    }
  }
}
