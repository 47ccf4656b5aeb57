/** InvokeModel and its stream: Claude in Anthropic's own format, and Titan's embeddings. Source: Bedrock user guide, model parameters. */
import { type Answer, jsonAnswer, type StreamAnswer } from '../answer.ts';
import { type MessageHead, messageEvents, wholeMessage } from '../anthropic/reply.ts';
import { messagesProblem } from '../anthropic/rules.ts';
import { messagesShape } from '../anthropic/shape.ts';
import { jsonEvent } from '../event-stream.ts';
import { asObject, fieldProblem } from '../fields.ts';
import type { RecordedRequest } from '../recorded.ts';
import { type Reply, replyOf } from '../script.ts';
import type { FakeSettings, Usage } from '../settings.ts';
import { countTokens, promptText } from '../usage.ts';
import { invalid, streamException } from './errors.ts';
import { otherInvocation } from './invoke-others.ts';

type Json = Readonly<Record<string, unknown>>;

/** Answers an invocation. Errors: throws `Refusal`. */
export function invoke(request: RecordedRequest, settings: FakeSettings, model: string, isStream: boolean): Answer {
  const body = request.jsonError === undefined ? asObject(request.json) : undefined;
  if (body === undefined) throw invalid('Malformed input request, please reformat your input and try again.');
  if (model.includes('amazon.titan-embed') && !isStream) return titanEmbedding(request, settings, model, body);
  const other = isStream ? undefined : otherInvocation(model);
  if (other !== undefined) return withCounts(other(request, settings, model, body));
  if (!model.includes('anthropic.')) throw invalid('The provided model identifier is invalid.');
  requireClaudeBody(body, model, settings.refuseUnknownFields);
  const reply = replyOf(request, settings, promptText(body.system) + promptText(body.messages));
  // The answer names the model as Anthropic does, without vendor, date and version.
  const head = {
    n: request.n,
    model: settings.responseModel ?? model.replace(/^.*anthropic\./, '').replace(/-v\d.*$/, ''),
  };
  return isStream
    ? claudeStream(reply, head, settings)
    : withCounts(jsonAnswer(200, wholeMessage(reply, head), reply.usage));
}

/** Refuses a body that Claude on Bedrock refuses. Errors: throws `Refusal`. */
export function requireClaudeBody(body: Json, model: string, refuseUnknown: boolean): void {
  const problem = messagesProblem(body, messagesShape('bedrock'), model, refuseUnknown);
  if (problem !== undefined) throw invalid(problem);
}

function withCounts(answer: ReturnType<typeof jsonAnswer>): Answer {
  const { usage } = answer;
  if (usage === undefined) return answer;
  return {
    ...answer,
    headers: {
      ...answer.headers,
      'x-amzn-bedrock-input-token-count': String(usage.input),
      'x-amzn-bedrock-output-token-count': String(usage.output),
      'x-amzn-bedrock-invocation-latency': '42',
    },
  };
}

function claudeStream(reply: Reply, head: MessageHead, settings: FakeSettings): StreamAnswer {
  const events = messageEvents(reply, head, settings)
    // Bedrock keeps its streams alive by other means.
    .filter(({ type }) => type !== 'ping')
    .map((event) => chunk(event.type === 'message_stop' ? { ...event, ...metrics(reply.usage) } : event));
  if (reply.failure !== undefined) events.push(streamException(reply.failure.status, reply.failure.message));
  const headers = {
    'content-type': 'application/vnd.amazon.eventstream',
    'x-amzn-bedrock-content-type': 'application/json',
  };
  return { kind: 'stream', status: 200, headers, events, usage: reply.usage };
}

function chunk(event: unknown): Buffer {
  const bytes = Buffer.from(JSON.stringify(event)).toString('base64');
  return jsonEvent('chunk', { bytes, p: 'abcdefghijk'.slice(0, bytes.length % 11) });
}

function metrics(usage: Usage): Json {
  const counts = { inputTokenCount: usage.input, outputTokenCount: usage.output };
  const cache = { cacheReadInputTokenCount: usage.cached, cacheWriteInputTokenCount: usage.cacheCreation };
  const times = { invocationLatency: 42, firstByteLatency: 21 };
  return { 'amazon-bedrock-invocationMetrics': { ...counts, ...cache, ...times } };
}

const TITAN_V1 = { inputText: 'string!' };
const TITAN_V2 = { ...TITAN_V1, dimensions: 'integer', normalize: 'boolean', embeddingTypes: 'array' };
const DIMENSIONS = [256, 512, 1024];

function titanEmbedding(request: RecordedRequest, settings: FakeSettings, model: string, body: Json): Answer {
  const isV2 = model.includes('titan-embed-text-v2');
  const problem = fieldProblem(body, isV2 ? TITAN_V2 : TITAN_V1, { refuseUnknown: true, nullable: false });
  if (problem !== undefined) throw invalid(titanProblem(problem.kind, problem.field));
  const { inputText, dimensions = 1024 } = body;
  if (inputText === '') throw malformed('/inputText: expected minLength: 1, actual: 0');
  if (!DIMENSIONS.includes(Number(dimensions)))
    throw malformed(`/dimensions: ${String(dimensions)} is not a valid enum value`);
  const input = settings.usage instanceof Function ? undefined : settings.usage.input;
  const usage = {
    input: input ?? countTokens(String(inputText)),
    output: 0,
    cached: 0,
    cacheCreation: 0,
    reasoning: 0,
  };
  const size = isV2 ? Number(dimensions) : 1536;
  const embedding = Array.from({ length: size }, (_, index) => (request.n + index) / 2048);
  const types = (body.embeddingTypes ?? ['float']) as readonly string[];
  const unknown = types.find((type) => type !== 'float' && type !== 'binary');
  if (unknown !== undefined) throw malformed(`/embeddingTypes: ${unknown} is not a valid enum value`);
  const byType = Object.fromEntries(types.map((type) => [type, type === 'float' ? embedding : embedding.map(() => 1)]));
  const answer = {
    ...(types.includes('float') ? { embedding } : {}),
    ...(isV2 ? { embeddingsByType: byType } : {}),
    inputTextTokenCount: usage.input,
  };
  return withCounts(jsonAnswer(200, answer, usage));
}

function titanProblem(kind: 'missing' | 'unknown' | 'type', field: string): string {
  const what = {
    missing: `#: required key [${field}] not found`,
    unknown: `#: extraneous key [${field}] is not permitted`,
    type: `/${field}: expected another type`,
  };
  return `Malformed input request: ${what[kind]}, please reformat your input and try again.`;
}

function malformed(what: string): Error {
  return invalid(`Malformed input request: ${what}, please reformat your input and try again.`);
}
