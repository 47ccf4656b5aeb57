/** A strict fake of the Anthropic API: messages, token counts, models. Source: Anthropic API reference, 2023-06-01. */
import { type Answer, jsonAnswer, type Provider, Refusal, sseEvent, streamAnswer } from '../answer.ts';
import { type Fake, type FakeOptions, startFake } from '../fake.ts';
import { asObject } from '../fields.ts';
import { mediaType, type RecordedRequest } from '../recorded.ts';
import { type Reply, replyOf } from '../script.ts';
import type { FakeSettings } from '../settings.ts';
import type { Shape } from '../shape.ts';
import { promptText } from '../usage.ts';
import { type MessageHead, messageEvents, wholeMessage } from './reply.ts';
import { messagesProblem } from './rules.ts';
import { countShape, messagesShape } from './shape.ts';

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
    errorEvent: (settings, status, message) => sseEvent(settings, anthropicError(status, message), 'error'),
    ownsCredential: (header, value) => header === 'x-api-key' && keys.has(value),
    errorBody: anthropicError,
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

function messages(request: RecordedRequest, settings: FakeSettings): Answer {
  const body = requireBody(request, messagesShape('api'), settings);
  const reply = replyOf(request, settings, promptText(body.system) + promptText(body.messages));
  const head = { n: request.n, model: settings.responseModel ?? String(body.model) };
  return body.stream === true
    ? messageStream(reply, head, settings)
    : jsonAnswer(200, wholeMessage(reply, head), reply.usage);
}

/** The events of a message on the wire, and the event that ends it where it fails. */
export function messageStream(reply: Reply, head: MessageHead, settings: FakeSettings): Answer {
  const events = messageEvents(reply, head, settings).map((event) => sseEvent(settings, event, event.type));
  if (reply.failure !== undefined) {
    const { status, message } = reply.failure;
    events.push(sseEvent(settings, anthropicError(status, message), 'error'));
  }
  return streamAnswer(events, reply.usage);
}

function countTokens(request: RecordedRequest, settings: FakeSettings): Answer {
  const body = requireBody(request, countShape('api'), settings);
  const { usage } = replyOf(request, settings, promptText(body.system) + promptText(body.messages));
  return jsonAnswer(200, { input_tokens: usage.input });
}

function models(_request: RecordedRequest, settings: FakeSettings): Answer {
  const data = (settings.models ?? ['claude-sonnet-4-5']).map((id) => ({
    ...{ id, type: 'model', display_name: id, created_at: '2025-01-01T00:00:00Z' },
  }));
  return jsonAnswer(200, { data, first_id: data[0]?.id ?? null, last_id: data.at(-1)?.id ?? null, has_more: false });
}

function requireBody(request: RecordedRequest, shape: Shape, settings: FakeSettings): Record<string, unknown> {
  if (mediaType(request) !== 'application/json') throw refuse(400, 'content-type: should be application/json');
  const body = request.jsonError === undefined ? asObject(request.json) : undefined;
  if (body === undefined) throw refuse(400, 'The request body is not valid JSON');
  const model = String(body.model);
  const problem = messagesProblem(body, shape, model, settings.refuseUnknownFields);
  if (problem !== undefined) throw refuse(400, problem);
  if (settings.models !== undefined && !settings.models.includes(model)) throw refuse(404, `model: ${model}`);
  return body;
}

const ERROR_TYPES: Readonly<Record<number, string>> = {
  400: 'invalid_request_error',
  401: 'authentication_error',
  402: 'billing_error',
  403: 'permission_error',
  404: 'not_found_error',
  413: 'request_too_large',
  429: 'rate_limit_error',
  500: 'api_error',
  504: 'timeout_error',
  529: 'overloaded_error',
};

/** The body of an error by its status. */
export function anthropicError(status: number, message: string): unknown {
  const type = ERROR_TYPES[status] ?? (status >= 500 ? 'api_error' : 'invalid_request_error');
  return { type: 'error', error: { type, message }, request_id: 'req_fake' };
}

function refuse(status: number, message: string): Refusal {
  return new Refusal(jsonAnswer(status, anthropicError(status, message)));
}
