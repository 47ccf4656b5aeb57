/** A strict fake of the Anthropic API: messages, token counts, models. Source: Anthropic API reference, 2023-06-01. */
import { type Answer, jsonAnswer, type Provider, Refusal, sseEvent, streamAnswer } from './answer.ts';
import { type Fake, type FakeOptions, startFake } from './fake.ts';
import { asObject, type FieldSpec, fieldProblem } from './fields.ts';
import { mediaType, type RecordedRequest } from './recorded.ts';
import type { FakeSettings, Usage } from './settings.ts';
import { promptText, replyPieces, usageOf } from './usage.ts';

/** Options of the Anthropic fake. */
export interface AnthropicOptions extends FakeOptions {
  /** Keys it accepts as `x-api-key: KEY`; default `['sk-ant-test']`. */
  readonly keys?: readonly string[];
  /** What stands in place of `/v1`. */
  readonly prefix?: string;
}

/** The key a fake accepts when a test names none. */
export const ANTHROPIC_KEY = 'sk-ant-test';

/** Starts a fake of Anthropic. */
export function startAnthropic(options: AnthropicOptions = {}): Promise<Fake> {
  return startFake(anthropicProvider(options.keys ?? [ANTHROPIC_KEY], options.prefix ?? '/v1'), options);
}

type Endpoint = (request: RecordedRequest, settings: FakeSettings) => Answer;

function anthropicProvider(keyList: readonly string[], prefix: string): Provider {
  const keys = new Set(keyList);
  const endpoints = new Map<string, Endpoint>([
    [`POST ${prefix}/messages`, messages],
    [`POST ${prefix}/messages/count_tokens`, countTokens],
    [`GET ${prefix}/models`, models],
  ]);
  return {
    kind: 'anthropic',
    idHeader: 'request-id',
    errorEvent: (settings, status, message) => sseEvent(settings, statusError(status, message), 'error'),
    ownsCredential: (header, value) => header === 'x-api-key' && keys.has(value),
    errorBody: statusError,
    answer: (request, settings) => {
      const endpoint = endpoints.get(`${request.method} ${request.pathname}`);
      if (endpoint === undefined) {
        const isKnownPath = [...endpoints.keys()].some((key) => key.endsWith(` ${request.pathname}`));
        throw isKnownPath ? refuse(405, 'Method Not Allowed') : refuse(404, 'Not found');
      }
      requireHeaders(request, keys);
      return endpoint(request, settings);
    },
  };
}

const VERSIONS = new Set(['2023-01-01', '2023-06-01']);

function requireHeaders(request: RecordedRequest, keys: ReadonlySet<string>): void {
  const key = request.headers['x-api-key'];
  if (key === undefined) throw refuse(401, 'x-api-key header is required');
  if (!keys.has(key)) throw refuse(401, 'invalid x-api-key');
  const version = request.headers['anthropic-version'];
  if (version === undefined) throw refuse(400, 'anthropic-version: header is required');
  if (!VERSIONS.has(version)) throw refuse(400, `anthropic-version: "${version}" is not a valid version`);
}

const INPUT_FIELDS = {
  ...{ model: 'string!', messages: 'array!', system: 'string|array', tools: 'array', tool_choice: 'object' },
  ...{ thinking: 'object', mcp_servers: 'array', context_management: 'object', output_config: 'object' },
  ...{ output_format: 'object', cache_control: 'object' },
};

const MESSAGE_FIELDS = {
  ...INPUT_FIELDS,
  ...{ max_tokens: 'integer!', metadata: 'object', stop_sequences: 'array', stream: 'boolean', temperature: 'number' },
  ...{ top_p: 'number', top_k: 'integer', service_tier: 'string', container: 'string|object', inference_geo: 'string' },
};

function messages(request: RecordedRequest, settings: FakeSettings): Answer {
  const body = requireBody(request, MESSAGE_FIELDS, settings);
  const { max_tokens: maxTokens, temperature } = body;
  if (typeof maxTokens === 'number' && maxTokens < 1) {
    throw refuse(400, 'max_tokens: Input should be greater than or equal to 1');
  }
  if (typeof temperature === 'number' && (temperature < 0 || temperature > 1)) {
    throw refuse(400, 'temperature: range: 0..1');
  }
  const model = settings.responseModel ?? String(body.model);
  const usage = usageOf(request, settings, promptText(body.system) + promptText(body.messages));
  const pieces = replyPieces(request, settings);
  const base = { id: `msg_${request.n}`, type: 'message', role: 'assistant', model };
  if (body.stream !== true) {
    const content = [{ type: 'text', text: pieces.join('') }];
    const answer = {
      ...base,
      content,
      stop_reason: 'end_turn',
      stop_sequence: null,
      usage: wholeUsage(usage, usage.output),
    };
    return jsonAnswer(200, answer, usage);
  }
  const start = { ...base, content: [], stop_reason: null, stop_sequence: null, usage: wholeUsage(usage, 1) };
  const counts = settings.deltaInputTokens
    ? { ...inputCounts(usage), output_tokens: usage.output }
    : { output_tokens: usage.output };
  const steps = [
    { type: 'message_start', message: start },
    { type: 'content_block_start', index: 0, content_block: { type: 'text', text: '' } },
    { type: 'ping' },
    ...pieces.map((text) => ({ type: 'content_block_delta', index: 0, delta: { type: 'text_delta', text } })),
    { type: 'content_block_stop', index: 0 },
    { type: 'message_delta', delta: { stop_reason: 'end_turn', stop_sequence: null }, usage: counts },
    { type: 'message_stop' },
  ];
  return streamAnswer(
    steps.map((step) => sseEvent(settings, step, step.type)),
    usage,
  );
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

function countTokens(request: RecordedRequest, settings: FakeSettings): Answer {
  const body = requireBody(request, INPUT_FIELDS, settings);
  const { input } = usageOf(request, settings, promptText(body.system) + promptText(body.messages));
  return jsonAnswer(200, { input_tokens: input });
}

function models(_request: RecordedRequest, settings: FakeSettings): Answer {
  const data = (settings.models ?? ['claude-sonnet-4-5']).map((id) => ({
    ...{ id, type: 'model', display_name: id, created_at: '2025-01-01T00:00:00Z' },
  }));
  return jsonAnswer(200, { data, first_id: data[0]?.id ?? null, last_id: data.at(-1)?.id ?? null, has_more: false });
}

function requireBody(request: RecordedRequest, spec: FieldSpec, settings: FakeSettings): Record<string, unknown> {
  if (mediaType(request) !== 'application/json') throw refuse(400, 'content-type: should be application/json');
  const body = request.jsonError === undefined ? asObject(request.json) : undefined;
  if (body === undefined) throw refuse(400, 'The request body is not valid JSON');
  const problem = fieldProblem(body, spec, { refuseUnknown: settings.refuseUnknownFields, nullable: false });
  if (problem?.kind === 'missing') throw refuse(400, `${problem.field}: Field required`);
  if (problem?.kind === 'unknown') throw refuse(400, `${problem.field}: Extra inputs are not permitted`);
  if (problem?.kind === 'type') throw refuse(400, `${problem.field}: Input should be a valid ${problem.expected}`);
  requireTurns(body.messages as unknown[]);
  const model = String(body.model);
  if (settings.models !== undefined && !settings.models.includes(model)) throw refuse(404, `model: ${model}`);
  return body;
}

function requireTurns(turns: readonly unknown[]): void {
  if (turns.length === 0) throw refuse(400, 'messages: at least one message is required');
  for (const [index, entry] of turns.entries()) {
    const turn = asObject(entry);
    if (turn === undefined) throw refuse(400, `messages.${index}: Input should be an object`);
    if (turn.role !== 'user' && turn.role !== 'assistant') {
      throw refuse(400, `messages: Unexpected role "${String(turn.role)}". Allowed roles are "user" or "assistant".`);
    }
    if (typeof turn.content !== 'string' && !Array.isArray(turn.content)) {
      throw refuse(400, `messages.${index}.content: Field required`);
    }
  }
}

const ERROR_TYPES: Readonly<Record<number, string>> = {
  400: 'invalid_request_error',
  401: 'authentication_error',
  403: 'permission_error',
  404: 'not_found_error',
  413: 'request_too_large',
  429: 'rate_limit_error',
  500: 'api_error',
  529: 'overloaded_error',
};

function statusError(status: number, message: string): unknown {
  const type = ERROR_TYPES[status] ?? (status >= 500 ? 'api_error' : 'invalid_request_error');
  return { type: 'error', error: { type, message }, request_id: 'req_fake' };
}

function refuse(status: number, message: string): Refusal {
  return new Refusal(jsonAnswer(status, statusError(status, message)));
}
