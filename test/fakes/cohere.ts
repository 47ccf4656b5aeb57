/** A strict fake of Cohere's `POST /v2/rerank`. Source: Cohere API reference, v2. */
import { type Answer, jsonAnswer, type Provider, Refusal } from './answer.ts';
import { type Fake, type FakeOptions, startFake } from './fake.ts';
import { asObject, fieldProblem } from './fields.ts';
import { mediaType, type RecordedRequest } from './recorded.ts';
import type { FakeSettings } from './settings.ts';
import { promptText, usageOf } from './usage.ts';

/** Options of the Cohere fake. */
export interface CohereOptions extends FakeOptions {
  /** Keys it accepts as `Authorization: Bearer KEY`; default `['co-test']`. */
  readonly keys?: readonly string[];
  /** What stands in place of `/v2`. */
  readonly prefix?: string;
}

/** The key a fake accepts when a test names none. */
export const COHERE_KEY = 'co-test';

/** Starts a fake of Cohere. */
export function startCohere(options: CohereOptions = {}): Promise<Fake> {
  return startFake(cohereProvider(options.keys ?? [COHERE_KEY], `${options.prefix ?? '/v2'}/rerank`), options);
}

function cohereProvider(keys: readonly string[], path: string): Provider {
  const owned = new Set(keys.map((key) => `Bearer ${key}`));
  return {
    kind: 'cohere',
    ownsCredential: (header, value) => header === 'authorization' && owned.has(value),
    errorBody: (_status, message) => ({ id: 'fake', message }),
    answer: (request, settings) => {
      if (request.pathname !== path) throw refuse(404, `route ${request.pathname} not found`);
      if (request.method !== 'POST') throw refuse(405, 'method not allowed');
      const { authorization } = request.headers;
      if (authorization === undefined) throw refuse(401, 'no api key supplied');
      if (!owned.has(authorization)) throw refuse(401, 'invalid api token');
      return rerank(request, settings);
    },
  };
}

const FIELDS = {
  ...{ model: 'string!', query: 'string!', documents: 'array!', top_n: 'integer' },
  ...{ max_tokens_per_doc: 'integer', priority: 'integer' },
};

function rerank(request: RecordedRequest, settings: FakeSettings): Answer {
  if (mediaType(request) !== 'application/json')
    throw refuse(400, 'invalid request: content-type must be application/json');
  const body = request.jsonError === undefined ? asObject(request.json) : undefined;
  if (body === undefined) throw refuse(400, 'invalid request: body is not valid JSON');
  const problem = fieldProblem(body, FIELDS, { refuseUnknown: settings.refuseUnknownFields, nullable: true });
  if (problem?.kind === 'missing') throw refuse(400, `invalid request: ${problem.field} is required`);
  if (problem !== undefined) throw refuse(400, `invalid request: ${problem.kind} field ${problem.field}`);
  const documents = body.documents as unknown[];
  if (documents.length === 0) throw refuse(400, 'invalid request: list of documents must not be empty');
  if (settings.models !== undefined && !settings.models.includes(String(body.model))) {
    throw refuse(404, `model '${String(body.model)}' not found`);
  }
  const usage = { ...usageOf(request, settings, promptText(body.query) + promptText(documents)), output: 0 };
  const topN = typeof body.top_n === 'number' ? body.top_n : documents.length;
  // The last document is the most relevant one, so that an answer differs from the order of the request.
  const results = documents
    .map((_document, index) => ({ index, relevance_score: (index + 1) / (documents.length + 1) }))
    .reverse()
    .slice(0, topN);
  const units = { search_units: Math.ceil(documents.length / 100) };
  const tokens = { input_tokens: usage.input, output_tokens: usage.output };
  const meta = { api_version: { version: '2', is_experimental: false }, billed_units: units, tokens };
  return jsonAnswer(200, { id: `rerank-${request.n}`, results, meta }, usage);
}

function refuse(status: number, message: string): Refusal {
  return new Refusal(jsonAnswer(status, { id: 'fake', message }));
}
