/** A strict fake of Azure OpenAI: deployments in the path, `api-version` in the query, `api-key` or an Entra token. */
import { type Answer, jsonAnswer, type Provider, Refusal } from './answer.ts';
import { type Fake, type FakeOptions, startFake } from './fake.ts';
import { chatCompletion, completion } from './openai/chat.ts';
import { embeddings } from './openai/embeddings.ts';
import { images, speech, transcription, translation } from './openai/media.ts';
import { inputTokens, response } from './openai/responses.ts';
import type { RecordedRequest } from './recorded.ts';
import type { FakeSettings } from './settings.ts';

/** Options of the Azure fake. The deployments that exist are `settings.models`. */
export interface AzureOptions extends FakeOptions {
  /** Keys it accepts as `api-key: KEY`; default `['azure-test']`. */
  readonly keys?: readonly string[];
  /** Entra tokens it accepts as `Authorization: Bearer TOKEN`; read at each request, so a list may grow. */
  readonly tokens?: readonly string[];
  /** Versions it knows; undefined accepts any of the form `2025-01-01` with or without `-preview`. */
  readonly apiVersions?: readonly string[];
}

/** The key a fake accepts when a test names none. */
export const AZURE_KEY = 'azure-test';

/** Starts a fake of Azure OpenAI. */
export function startAzure(options: AzureOptions = {}): Promise<Fake> {
  return startFake(azureProvider(options), options);
}

const FILTERS = {
  hate: { filtered: false, severity: 'safe' },
  violence: { filtered: false, severity: 'safe' },
};
// Azure's streams begin with a chunk that has no choices: a trap for whoever reads `choices[0]`.
const PRELUDE = { prompt_filter_results: [{ prompt_index: 0, content_filter_results: FILTERS }] };

type Operation = (request: RecordedRequest, settings: FakeSettings, deployment: string) => Answer;

const DEPLOYMENT_OPERATIONS: Readonly<Record<string, Operation>> = {
  'chat/completions': (request, settings, model) =>
    chatCompletion(request, settings, { model, prelude: PRELUDE, choice: { content_filter_results: FILTERS } }),
  completions: completion,
  embeddings,
  'images/generations': images,
  'audio/speech': speech,
  'audio/transcriptions': transcription,
  'audio/translations': translation,
};

type ResourceOperation = (request: RecordedRequest, settings: FakeSettings) => Answer;

const RESOURCE_OPERATIONS: Readonly<Record<string, ResourceOperation>> = {
  '/openai/responses': response,
  '/openai/responses/input_tokens': inputTokens,
};

function azureProvider(options: AzureOptions): Provider {
  const keys = new Set(options.keys ?? [AZURE_KEY]);
  const isToken = (value: string): boolean => options.tokens?.some((token) => value === `Bearer ${token}`) ?? false;
  return {
    kind: 'azure',
    ownsCredential: (header, value) =>
      (header === 'api-key' && keys.has(value)) || (header === 'authorization' && isToken(value)),
    errorBody: (status, message) => azureError(String(status), message),
    answer: (request, settings) => {
      const { authorization } = request.headers;
      const isKnown = keys.has(request.headers['api-key'] ?? '') || isToken(authorization ?? '');
      if (!isKnown) throw refuse(401, '401', 'Access denied due to invalid subscription key or wrong API endpoint.');
      requireVersion(request, options.apiVersions);
      return operate(request, settings);
    },
  };
}

function operate(request: RecordedRequest, settings: FakeSettings): Answer {
  const { method, pathname } = request;
  const run = operationOf(pathname, settings);
  if (run === undefined) throw refuse(404, '404', 'Resource not found');
  if (method !== 'POST') throw refuse(405, '405', 'Method Not Allowed');
  return run(request, settings);
}

function operationOf(pathname: string, settings: FakeSettings): ResourceOperation | undefined {
  const [, encoded, name] = /^\/openai\/deployments\/([^/]+)\/(.+)$/.exec(pathname) ?? [];
  if (encoded === undefined || name === undefined) return RESOURCE_OPERATIONS[pathname];
  const operation = DEPLOYMENT_OPERATIONS[name];
  const deployment = decodeURIComponent(encoded);
  if (settings.models !== undefined && !settings.models.includes(deployment)) {
    throw refuse(404, 'DeploymentNotFound', 'The API deployment for this resource does not exist.');
  }
  return operation && ((request) => operation(request, settings, deployment));
}

function requireVersion(request: RecordedRequest, known: readonly string[] | undefined): void {
  const version = request.query.get('api-version');
  const isKnown =
    version !== null && (known === undefined ? /^\d{4}-\d\d-\d\d(-preview)?$/.test(version) : known.includes(version));
  // Azure says no more than this for a version that is missing or unknown.
  if (!isKnown) throw refuse(404, '404', 'Resource not found');
}

function azureError(code: string, message: string): unknown {
  return { error: { code, message } };
}

function refuse(status: number, code: string, message: string): Refusal {
  return new Refusal(jsonAnswer(status, azureError(code, message)));
}
