/** A strict fake of the OpenAI API (and of vLLM's `/tokenize`). Knows the wire protocol; knows nothing of Headgate. */
import { type Answer, jsonAnswer, type Provider } from '../answer.ts';
import { type AwsCredentials, ownsHeader, requireCredential } from '../bedrock/index.ts';
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
  /** Keys it accepts as `Authorization: Bearer KEY`; default `['sk-openai-test']`. Read at each request: a list may grow. */
  readonly keys?: readonly string[];
  /** Asks for no key, as a server in one's own network may. */
  readonly isOpen?: boolean;
  /** The paths that it has, as those of `/v1`: others are 404. Default all. */
  readonly endpoints?: readonly string[];
  /** What stands in place of `/v1`, for hosts such as `/v1beta/openai`. */
  readonly prefix?: string;
  /** Signed requests instead of keys: OpenAI's API at Amazon Bedrock, under the prefix `/openai/v1`. */
  readonly aws?: { readonly credentials: readonly AwsCredentials[]; readonly region: string };
}

type Endpoint = (request: RecordedRequest, settings: FakeSettings) => Answer;

/** The key a fake accepts when a test names none. */
export const OPENAI_KEY = 'sk-openai-test';

/** Stands for a signature that has been checked. */
const SIGNED = `Bearer ${OPENAI_KEY}`;

/** Starts a fake of OpenAI. */
export function startOpenAi(options: OpenAiOptions = {}): Promise<Fake> {
  const { aws, keys = [OPENAI_KEY], prefix = '/v1' } = options;
  if (aws) return startFake(signedProvider(openaiProvider([OPENAI_KEY], prefix), aws), options);
  return startFake(openaiProvider(keys, prefix, options.isOpen, options.endpoints), options);
}

/** The same for who signs instead of showing a key. */
function signedProvider(provider: Provider, { credentials, region }: NonNullable<OpenAiOptions['aws']>): Provider {
  const none = new Set<string>();
  return {
    ...provider,
    ownsCredential: (header, value) => ownsHeader(header, value, credentials, none),
    answer(request, settings) {
      requireCredential(request, credentials, none, region);
      return provider.answer({ ...request, headers: { ...request.headers, authorization: SIGNED } }, settings);
    },
  };
}

interface Owned {
  has(value: string): boolean;
}

/** The protocol of OpenAI as a provider. */
export function openaiProvider(
  keys: readonly string[],
  prefix: string,
  isOpen = false,
  has?: readonly string[],
): Provider {
  const all = new Map<string, Endpoint>([
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
  const endpoints =
    has === undefined ? all : new Map([...all].filter(([key]) => has.some((path) => key.endsWith(` ${path}`))));
  const owned: Owned = { has: (value) => keys.some((key) => value === `Bearer ${key}`) };
  return {
    kind: 'openai',
    ownsCredential: (header, value) => header === 'authorization' && owned.has(value),
    errorBody: openaiStatusError,
    answer: (request, settings) => {
      const endpoint = findEndpoint(endpoints, request);
      if (!isOpen) requireKey(request, owned);
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

function requireKey(request: RecordedRequest, owned: Owned): void {
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
