/** A strict fake of Vertex AI's publisher models: Gemini, embeddings, Imagen, Claude. Source: Vertex AI REST reference, v1. */
import { type Answer, jsonAnswer, type Provider, Refusal, sseEvent, streamAnswer } from '../answer.ts';
import { type Fake, type FakeOptions, startFake } from '../fake.ts';
import { asObject } from '../fields.ts';
import { mediaType, type RecordedRequest } from '../recorded.ts';
import { replyOf } from '../script.ts';
import type { FakeSettings } from '../settings.ts';
import { type Shape, shapeProblem } from '../shape.ts';
import { COUNT_MODEL, rawPredict } from './claude.ts';
import { googleError, invalid, parserRefusal, refuse } from './errors.ts';
import { embedContent, predict } from './predict.ts';
import { streamAnswers, wholeAnswer } from './reply.ts';
import { requireConversation } from './rules.ts';
import { COUNT_SHAPE, EMBED_SHAPE, GENERATE_SHAPE, PREDICT_SHAPE } from './shape.ts';

/** Options of the Vertex fake. The models that exist are `settings.models`. */
export interface VertexOptions extends FakeOptions {
  /** Access tokens it accepts as `Authorization: Bearer TOKEN`; default `['ya29.test']`. Read at each request: a list may grow. */
  readonly tokens?: readonly string[];
  /** Default `test-project`. */
  readonly project?: string;
  /** Default `us-central1`. */
  readonly location?: string;
}

/** What a fake accepts when a test names none. */
export const VERTEX_TOKEN = 'ya29.test';
export const VERTEX_PROJECT = 'test-project';
export const VERTEX_LOCATION = 'us-central1';

/** Starts a fake of Vertex AI. */
export function startVertex(options: VertexOptions = {}): Promise<Fake> {
  return startFake(vertexProvider(options), options);
}

type Method = (request: RecordedRequest, settings: FakeSettings, model: string) => Answer;

const GOOGLE: Readonly<Record<string, Method>> = {
  generateContent: (request, settings, model) => generate(request, settings, model, false),
  streamGenerateContent: (request, settings, model) => generate(request, settings, model, true),
  countTokens,
  predict: (request, settings, model) => predict(request, settings, model, bodyOf(request, PREDICT_SHAPE, settings)),
  embedContent: (request, settings, model) =>
    embedContent(request, settings, model, bodyOf(request, EMBED_SHAPE, settings)),
};

const ANTHROPIC: Readonly<Record<string, Method>> = {
  rawPredict: (request, settings, model) => rawPredict(request, settings, model, false),
  streamRawPredict: (request, settings, model) => rawPredict(request, settings, model, true),
};

const PUBLISHERS: Readonly<Record<string, Readonly<Record<string, Method>>>> = { google: GOOGLE, anthropic: ANTHROPIC };

interface Owned {
  has(value: string): boolean;
}

function vertexProvider(options: VertexOptions): Provider {
  const { tokens = [VERTEX_TOKEN] } = options;
  const owned: Owned = { has: (value) => tokens.some((token) => value === `Bearer ${token}`) };
  const { project = VERTEX_PROJECT, location = VERTEX_LOCATION } = options;
  return {
    kind: 'vertex',
    ownsCredential: (header, value) => header === 'authorization' && owned.has(value),
    errorBody: (status, message) => googleError(status, message),
    answer: (request, settings) => {
      const { publisher, model, run } = methodOf(request);
      requireToken(request, owned);
      requireResource(request, { project, location, publisher, model }, settings);
      if (mediaType(request) !== 'application/json') throw invalid('The content type must be application/json.');
      if (request.duplicateKeys.length > 0) {
        throw invalid(`Invalid JSON payload received. Repeated name "${request.duplicateKeys[0]}".`);
      }
      return run(request, settings, model);
    },
  };
}

const PATH =
  /^\/v1(?:beta1)?\/projects\/([^/]+)\/locations\/([^/]+)\/publishers\/([^/]+)\/models\/([^/:]+):([A-Za-z]+)$/;

interface Called {
  readonly publisher: string;
  readonly model: string;
  readonly run: Method;
}

function methodOf({ method, pathname }: RecordedRequest): Called {
  const [, , , publisher = '', model = '', name = ''] = PATH.exec(pathname) ?? [];
  const methods = Object.hasOwn(PUBLISHERS, publisher) ? PUBLISHERS[publisher] : undefined;
  const run = methods !== undefined && Object.hasOwn(methods, name) ? methods[name] : undefined;
  if (method !== 'POST' || run === undefined) throw notFound();
  return { publisher, model: decodeURIComponent(model), run };
}

/** What is no method is told of by a page for people. */
function notFound(): Refusal {
  const body = Buffer.from('<!DOCTYPE html>\n<html lang=en>\n  <title>Error 404 (Not Found)!!1</title>\n');
  return new Refusal({ kind: 'unary', status: 404, headers: { 'content-type': 'text/html; charset=UTF-8' }, body });
}

function requireToken(request: RecordedRequest, owned: Owned): void {
  const { authorization } = request.headers;
  if (authorization !== undefined && owned.has(authorization)) return;
  const what = authorization === undefined ? 'is missing required' : 'had invalid';
  const expected = 'Expected OAuth 2 access token, login cookie or other valid authentication credential.';
  const reason = authorization === undefined ? 'CREDENTIALS_MISSING' : 'ACCESS_TOKEN_EXPIRED';
  throw refuse(401, `Request ${what} authentication credential${authorization === undefined ? '' : 's'}. ${expected}`, [
    { '@type': 'type.googleapis.com/google.rpc.ErrorInfo', reason, domain: 'googleapis.com' },
  ]);
}

interface Resource {
  readonly project: string;
  readonly location: string;
  readonly publisher: string;
  readonly model: string;
}

function requireResource({ pathname }: RecordedRequest, known: Resource, settings: FakeSettings): void {
  const [, project = '', location = ''] = PATH.exec(pathname) ?? [];
  const name = `projects/${project}/locations/${location}/publishers/${known.publisher}/models/${known.model}`;
  if (decodeURIComponent(project) !== known.project) {
    const resource = `//aiplatform.googleapis.com/${name}`;
    throw refuse(
      403,
      `Permission 'aiplatform.endpoints.predict' denied on resource '${resource}' (or it may not exist).`,
    );
  }
  const isKnown = known.model === COUNT_MODEL || settings.models === undefined || settings.models.includes(known.model);
  if (location !== known.location || !isKnown) {
    throw refuse(404, `Publisher Model \`${name}\` was not found or your project does not have access to it.`);
  }
}

function generate(request: RecordedRequest, settings: FakeSettings, model: string, isStream: boolean): Answer {
  const body = bodyOf(request, GENERATE_SHAPE, settings);
  requireConversation(body, model);
  const reply = replyOf(request, settings, promptOf(body.systemInstruction) + promptOf(body.contents));
  const asked = { n: request.n, model: settings.responseModel ?? model, body };
  if (!isStream) return jsonAnswer(200, wholeAnswer(reply, asked), reply.usage);
  const failed = reply.failure && googleError(reply.failure.status, reply.failure.message);
  const answers: unknown[] = [...streamAnswers(reply, asked), ...(failed === undefined ? [] : [failed])];
  if (request.query.get('alt') === 'sse') {
    return streamAnswer(
      answers.map((answer) => sseEvent(settings, answer)),
      reply.usage,
    );
  }
  // Without `alt=sse` a stream is one list, piece by piece.
  const pieces = answers.map((answer, index) => `${index === 0 ? '[' : ',\r\n'}${JSON.stringify(answer)}`);
  const headers = { 'content-type': 'application/json; charset=UTF-8' };
  return { kind: 'stream', status: 200, headers, events: [...pieces, ']'], usage: reply.usage };
}

function countTokens(request: RecordedRequest, settings: FakeSettings, model: string): Answer {
  const body = bodyOf(request, COUNT_SHAPE, settings);
  requireConversation(body, model);
  const text = promptOf(body.systemInstruction) + promptOf(body.contents);
  const { usage } = replyOf(request, settings, text);
  return jsonAnswer(200, {
    ...{ totalTokens: usage.input, totalBillableCharacters: text.length },
    promptTokensDetails: [{ modality: 'TEXT', tokenCount: usage.input }],
  });
}

/** All text of contents. */
function promptOf(value: unknown): string {
  if (Array.isArray(value)) return value.map(promptOf).join('');
  const object = asObject(value);
  if (object === undefined) return '';
  return typeof object.text === 'string' ? object.text : promptOf(object.parts);
}

function bodyOf(request: RecordedRequest, shape: Shape, settings: FakeSettings): Record<string, unknown> {
  const body = request.jsonError === undefined ? asObject(request.json) : undefined;
  if (body === undefined) throw invalid('Invalid JSON payload received. Expected an object.');
  const problem = shapeProblem(body, shape, { nullable: true, refuseUnknown: settings.refuseUnknownFields });
  if (problem !== undefined) throw parserRefusal(problem);
  return body;
}
