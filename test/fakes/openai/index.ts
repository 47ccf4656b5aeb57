/** A strict fake of the OpenAI API (and of vLLM's `/tokenize`). Knows the wire protocol; knows nothing of Headgate. */
import { type Answer, jsonAnswer, type Provider } from '../answer.ts';
import { type Fake, type FakeOptions, startFake } from '../fake.ts';
import type { RecordedRequest } from '../recorded.ts';
import type { FakeSettings } from '../settings.ts';
import { CREATED, chatCompletion, completion } from './chat.ts';
import { embeddings, tokenize } from './embeddings.ts';
import { openaiStatusError, refuse } from './errors.ts';
import { images, speech, transcription, translation } from './media.ts';
import { inputTokens, response } from './responses.ts';

/** Options of the OpenAI fake. */
export interface OpenAiOptions extends FakeOptions {
  /** Keys it accepts as `Authorization: Bearer KEY`; default `['sk-openai-test']`. */
  readonly keys?: readonly string[];
  /** What stands in place of `/v1`, for hosts such as `/v1beta/openai`. */
  readonly prefix?: string;
}

type Endpoint = (request: RecordedRequest, settings: FakeSettings) => Answer;

/** The key a fake accepts when a test names none. */
export const OPENAI_KEY = 'sk-openai-test';

/** Starts a fake of OpenAI. */
export function startOpenAi(options: OpenAiOptions = {}): Promise<Fake> {
  return startFake(openaiProvider(options.keys ?? [OPENAI_KEY], options.prefix ?? '/v1'), options);
}

/** The protocol of OpenAI as a provider. */
export function openaiProvider(keys: readonly string[], prefix: string): Provider {
  const endpoints = new Map<string, Endpoint>([
    [`POST ${prefix}/chat/completions`, (request, settings) => chatCompletion(request, settings)],
    [`POST ${prefix}/completions`, (request, settings) => completion(request, settings)],
    [`POST ${prefix}/embeddings`, (request, settings) => embeddings(request, settings)],
    [`POST ${prefix}/responses`, response],
    [`POST ${prefix}/responses/input_tokens`, inputTokens],
    [`POST ${prefix}/images/generations`, (request, settings) => images(request, settings)],
    [`POST ${prefix}/audio/speech`, (request, settings) => speech(request, settings)],
    [`POST ${prefix}/audio/transcriptions`, (request, settings) => transcription(request, settings)],
    [`POST ${prefix}/audio/translations`, (request, settings) => translation(request, settings)],
    [`GET ${prefix}/models`, models],
    ['POST /tokenize', tokenize],
  ]);
  const owned = new Set(keys.map((key) => `Bearer ${key}`));
  return {
    kind: 'openai',
    ownsCredential: (header, value) => header === 'authorization' && owned.has(value),
    errorBody: openaiStatusError,
    answer: (request, settings) => {
      const endpoint = findEndpoint(endpoints, request);
      requireKey(request, owned);
      return endpoint(request, settings);
    },
  };
}

function findEndpoint(endpoints: ReadonlyMap<string, Endpoint>, request: RecordedRequest): Endpoint {
  const { method, pathname } = request;
  const endpoint = endpoints.get(`${method} ${pathname}`);
  if (endpoint !== undefined) return endpoint;
  const isKnownPath = [...endpoints.keys()].some((key) => key.endsWith(` ${pathname}`));
  throw isKnownPath
    ? refuse(405, `Not allowed to ${method} on ${pathname}.`, 'method_not_supported')
    : refuse(404, `Invalid URL (${method} ${pathname})`);
}

function requireKey(request: RecordedRequest, owned: ReadonlySet<string>): void {
  const value = request.headers.authorization;
  if (value === undefined) throw refuse(401, "You didn't provide an API key.");
  if (!owned.has(value)) throw refuse(401, 'Incorrect API key provided.', 'invalid_api_key');
}

function models(_request: RecordedRequest, settings: FakeSettings): Answer {
  const data = (settings.models ?? ['gpt-4o']).map((id) => ({
    id,
    object: 'model',
    created: CREATED,
    owned_by: 'fake',
  }));
  return jsonAnswer(200, { object: 'list', data });
}
