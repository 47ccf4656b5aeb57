/** `predict` and `embedContent`: embeddings and Imagen. Source: Vertex AI reference, text embeddings and Imagen APIs. */
import { type Answer, jsonAnswer } from '../answer.ts';
import { asObject, type FieldSpec, fieldProblem } from '../fields.ts';
import type { RecordedRequest } from '../recorded.ts';
import type { FakeSettings, Usage } from '../settings.ts';
import { countTokens } from '../usage.ts';
import { invalid } from './errors.ts';
import { taskTypes } from './shape.ts';

type Json = Readonly<Record<string, unknown>>;

const INSTANCE = { content: 'string!', title: 'string', task_type: 'string', taskType: 'string' };
const EMBED_PARAMETERS = { autoTruncate: 'boolean', outputDimensionality: 'integer' };
const MAX_INSTANCES = 250;

/** Answers a `predict`. Shape: `body` fits the shape. Errors: throws `Refusal`. */
export function predict(request: RecordedRequest, settings: FakeSettings, model: string, body: Json): Answer {
  const instances = (body.instances ?? []) as readonly unknown[];
  if (instances.length === 0) throw invalid('The request must have at least one instance.');
  if (/embedding/.test(model)) return embeddings(request, settings, model, body);
  if (/^(imagen|imagegeneration)/.test(model)) return images(request, model, body);
  throw invalid(`${model} is not supported by predict.`);
}

function embeddings(request: RecordedRequest, settings: FakeSettings, model: string, body: Json): Answer {
  const instances = (body.instances as readonly unknown[]).map((one) => requireFields(one, INSTANCE, 'instances'));
  const most = model.startsWith('gemini-embedding') ? 1 : MAX_INSTANCES;
  if (instances.length > most) {
    throw invalid(`${instances.length} instance(s) is not allowed. Allowed number of instances is ${most}.`);
  }
  const parameters = requireFields(body.parameters ?? {}, EMBED_PARAMETERS, 'parameters');
  const counts = instances.map((instance) => {
    requireTask(instance.task_type ?? instance.taskType, instance.title);
    if (instance.content === '') throw invalid('The text content is empty.');
    return countTokens(String(instance.content));
  });
  const size = dimensions(parameters.outputDimensionality, model);
  const predictions = counts.map((count, index) => ({
    embeddings: { values: vector(request.n + index, size), statistics: { truncated: false, token_count: count } },
  }));
  const billableCharacterCount = instances.reduce((sum, { content }) => sum + String(content).length, 0);
  return jsonAnswer(200, { predictions, metadata: { billableCharacterCount } }, usageOf(settings, counts));
}

/** Answers an `embedContent`. Shape: `body` fits the shape. Errors: throws `Refusal`. */
export function embedContent(request: RecordedRequest, settings: FakeSettings, model: string, body: Json): Answer {
  if (!/^gemini-embedding-2/.test(model)) throw invalid(`${model} is not supported by embedContent.`);
  const parts = (asObject(body.content)?.parts ?? []) as readonly Json[];
  if (parts.length === 0) throw invalid('content is required.');
  requireTask(body.taskType, body.title);
  const count = countTokens(parts.map(({ text }) => String(text ?? '')).join(''));
  const values = vector(request.n, dimensions(body.outputDimensionality, model));
  const usageMetadata = { promptTokenCount: count, totalTokenCount: count };
  return jsonAnswer(200, { embedding: { values }, usageMetadata, truncated: false }, usageOf(settings, [count]));
}

function requireTask(task: unknown, title: unknown): void {
  if (task !== undefined && !taskTypes().includes(String(task))) throw invalid(`Invalid task type: ${String(task)}.`);
  if (title !== undefined && task !== 'RETRIEVAL_DOCUMENT') {
    throw invalid('title is only supported with the task type RETRIEVAL_DOCUMENT.');
  }
}

function dimensions(asked: unknown, model: string): number {
  const most = model.startsWith('gemini-embedding') ? 3072 : 768;
  const size = asked === undefined ? most : Number(asked);
  if (size < 1 || size > most) throw invalid(`outputDimensionality must be between 1 and ${most}.`);
  return size;
}

function vector(seed: number, size: number): number[] {
  return Array.from({ length: size }, (_, index) => (seed + index) / 4096);
}

function usageOf(settings: FakeSettings, counts: readonly number[]): Usage {
  const counted = counts.reduce((sum, count) => sum + count, 0);
  const input = (settings.usage instanceof Function ? undefined : settings.usage.input) ?? counted;
  return { input, output: 0, cached: 0, cacheCreation: 0, reasoning: 0 };
}

const IMAGEN_INSTANCE = { prompt: 'string!', image: 'object', mask: 'object', referenceImages: 'array' };
const IMAGEN_PARAMETERS = {
  ...{ sampleCount: 'integer', seed: 'integer', negativePrompt: 'string', aspectRatio: 'string' },
  ...{ sampleImageSize: 'string', outputOptions: 'object', personGeneration: 'string', safetySetting: 'string' },
  ...{ safetyFilterLevel: 'string', addWatermark: 'boolean', enhancePrompt: 'boolean', language: 'string' },
  ...{ storageUri: 'string', includeRaiReason: 'boolean', includeSafetyAttributes: 'boolean' },
};
const RATIOS = ['1:1', '3:4', '4:3', '9:16', '16:9'];

function images(request: RecordedRequest, model: string, body: Json): Answer {
  const [instance, ...more] = body.instances as readonly unknown[];
  if (more.length > 0) throw invalid('Only one instance is supported.');
  const { prompt } = requireFields(instance, IMAGEN_INSTANCE, 'instances');
  if (prompt === '') throw invalid('Text prompt is empty.');
  const parameters = requireFields(body.parameters ?? {}, IMAGEN_PARAMETERS, 'parameters');
  const { sampleCount: count = 4, aspectRatio = '1:1', sampleImageSize = '1K', seed, addWatermark = true } = parameters;
  if (Number(count) < 1 || Number(count) > 4) throw invalid('sampleCount must be between 1 and 4.');
  if (!RATIOS.includes(String(aspectRatio))) throw invalid(`Unsupported aspect ratio ${String(aspectRatio)}.`);
  if (!['1K', '2K'].includes(String(sampleImageSize))) throw invalid('sampleImageSize must be 1K or 2K.');
  if (seed !== undefined && addWatermark === true) throw invalid('Seed is not supported when watermark is enabled.');
  const options = requireFields(
    parameters.outputOptions ?? {},
    { mimeType: 'string', compressionQuality: 'integer' },
    'parameters.outputOptions',
  );
  const mimeType = options.mimeType ?? 'image/png';
  if (mimeType !== 'image/png' && mimeType !== 'image/jpeg')
    throw invalid(`Unsupported output MIME type ${String(mimeType)}.`);
  // Prompts with this word are what the filter of the fake is made for.
  const isFiltered = String(prompt).includes('forbidden');
  if (isFiltered) return jsonAnswer(200, {});
  const predictions = Array.from({ length: Number(count) }, (_, index) => ({
    mimeType,
    bytesBase64Encoded: Buffer.from(`image ${request.n} ${index} of ${model}`).toString('base64'),
    ...(parameters.enhancePrompt === true ? { prompt: `${String(prompt)}, in detail` } : {}),
  }));
  return jsonAnswer(200, { predictions });
}

function requireFields(value: unknown, spec: FieldSpec, where: string): Record<string, unknown> {
  const object = asObject(value);
  if (object === undefined) throw invalid(`${where} must be an object.`);
  const problem = fieldProblem(object, spec, { refuseUnknown: true, nullable: false });
  if (problem !== undefined) throw invalid(`${where}.${problem.field}: ${problem.kind}.`);
  return object;
}
