/**
 * InvokeModel of models that hold no conversation: Cohere's embeddings, rerank, images of Amazon and Stability.
 * Source: Amazon Bedrock user guide, inference parameters by model; Amazon Nova user guide.
 */
import { jsonAnswer, type UnaryAnswer } from '../answer.ts';
import { asObject, type FieldSpec, fieldProblem } from '../fields.ts';
import type { RecordedRequest } from '../recorded.ts';
import type { FakeSettings, Usage } from '../settings.ts';
import { countTokens } from '../usage.ts';
import { invalid } from './errors.ts';

type Json = Readonly<Record<string, unknown>>;
type Invocation = (request: RecordedRequest, settings: FakeSettings, model: string, body: Json) => UnaryAnswer;

const MODELS: readonly (readonly [pattern: RegExp, run: Invocation])[] = [
  [/cohere\.embed/, cohereEmbed],
  [/(cohere|amazon)\.rerank/, rerank],
  [/titan-image-generator|nova-canvas/, amazonImages],
  [/stability\./, stabilityImages],
];

/** What answers for a model; undefined for models that are none of these. */
export function otherInvocation(model: string): Invocation | undefined {
  return MODELS.find(([pattern]) => pattern.test(model))?.[1];
}

function malformed(what: string): Error {
  return invalid(`Malformed input request: ${what}, please reformat your input and try again.`);
}

function requireFields(value: unknown, spec: FieldSpec, at = '#'): Record<string, unknown> {
  const object = asObject(value);
  if (object === undefined) throw malformed(`${at}: expected type: JSONObject`);
  const problem = fieldProblem(object, spec, { refuseUnknown: true, nullable: false });
  if (problem?.kind === 'missing') throw malformed(`${at}: required key [${problem.field}] not found`);
  if (problem?.kind === 'unknown') throw malformed(`${at}: extraneous key [${problem.field}] is not permitted`);
  if (problem !== undefined) throw malformed(`${at}/${problem.field}: expected type: ${problem.expected}`);
  return object;
}

function requireWord(value: unknown, words: readonly string[], at: string): void {
  if (value !== undefined && !words.includes(String(value)))
    throw malformed(`${at}: ${String(value)} is not a valid enum value`);
}

function usageOf(settings: FakeSettings, input: number): Usage {
  const told = settings.usage instanceof Function ? undefined : settings.usage.input;
  return { input: told ?? input, output: 0, cached: 0, cacheCreation: 0, reasoning: 0 };
}

const EMBED_V3 = {
  ...{ texts: 'array', images: 'array', input_type: 'string!', truncate: 'string', embedding_types: 'array' },
};
const EMBED_V4 = { ...EMBED_V3, inputs: 'array', output_dimension: 'integer', max_tokens: 'integer' };
const INPUT_TYPES = ['search_document', 'search_query', 'classification', 'clustering', 'image'];
const EMBEDDING_TYPES = ['float', 'int8', 'uint8', 'binary', 'ubinary'];

function cohereEmbed(request: RecordedRequest, settings: FakeSettings, model: string, body: Json): UnaryAnswer {
  const isV4 = model.includes('embed-v4');
  const {
    texts,
    input_type: inputType,
    truncate,
    embedding_types: types,
    output_dimension: dimension,
  } = requireFields(body, isV4 ? EMBED_V4 : EMBED_V3);
  requireWord(inputType, INPUT_TYPES, '#/input_type');
  requireWord(truncate, isV4 ? ['NONE', 'LEFT', 'RIGHT'] : ['NONE', 'START', 'END'], '#/truncate');
  for (const type of (types ?? []) as readonly unknown[]) requireWord(type, EMBEDDING_TYPES, '#/embedding_types');
  if (!Array.isArray(texts) || texts.length === 0) throw malformed('#: required key [texts] not found');
  if (texts.length > 96) throw malformed('#/texts: expected maximum item count: 96');
  if (texts.some((text) => typeof text !== 'string')) throw malformed('#/texts/0: expected type: String');
  if (dimension !== undefined && ![256, 512, 1024, 1536].includes(Number(dimension))) {
    throw malformed(`#/output_dimension: ${String(dimension)} is not a valid enum value`);
  }
  const size = Number(dimension ?? (isV4 ? 1536 : 1024));
  const floats = texts.map((_, n) => Array.from({ length: size }, (_value, i) => (request.n + n + i) / 2048));
  const byType = Object.fromEntries(((types ?? []) as string[]).map((type) => [type, floats]));
  const answer = {
    id: `embed-${request.n}`,
    texts,
    ...(types === undefined
      ? { response_type: 'embeddings_floats', embeddings: floats }
      : { response_type: 'embeddings_by_type', embeddings: byType }),
  };
  return jsonAnswer(200, answer, usageOf(settings, countTokens(texts.join(''))));
}

const RERANK = { query: 'string!', documents: 'array!', top_n: 'integer' };

function rerank(_request: RecordedRequest, settings: FakeSettings, model: string, body: Json): UnaryAnswer {
  const isCohere = model.includes('cohere.');
  const {
    query,
    documents,
    top_n: top,
    api_version: version,
  } = requireFields(body, isCohere ? { ...RERANK, api_version: 'integer!', max_tokens_per_doc: 'integer' } : RERANK);
  if (isCohere && Number(version) < 2) throw malformed('#/api_version: must be 2 or more');
  const list = documents as readonly unknown[];
  if (query === '') throw malformed('#/query: expected minLength: 1, actual: 0');
  if (list.length === 0 || list.length > 1000) throw malformed('#/documents: expected between 1 and 1000 items');
  if (list.some((document) => typeof document !== 'string')) throw malformed('#/documents/0: expected type: String');
  if (top !== undefined && Number(top) < 1) throw malformed('#/top_n: must be 1 or more');
  // The last document is the most relevant one, so that an answer differs from the order of the request.
  const results = list
    .map((_, index) => ({ index, relevance_score: (index + 1) / (list.length + 1) }))
    .reverse()
    .slice(0, Number(top ?? list.length));
  return jsonAnswer(200, { results }, usageOf(settings, countTokens(String(query) + list.join(''))));
}

const AMAZON_IMAGE = { taskType: 'string!', textToImageParams: 'object!', imageGenerationConfig: 'object' };
const TEXT_TO_IMAGE = { text: 'string!', negativeText: 'string', conditionImage: 'string', controlMode: 'string' };
const GENERATION = {
  ...{ numberOfImages: 'integer', quality: 'string', width: 'integer', height: 'integer', cfgScale: 'number' },
  seed: 'integer',
};

function amazonImages(request: RecordedRequest, settings: FakeSettings, model: string, body: Json): UnaryAnswer {
  const { taskType, textToImageParams, imageGenerationConfig } = requireFields(body, AMAZON_IMAGE);
  requireWord(taskType, ['TEXT_IMAGE'], '#/taskType');
  const isNova = model.includes('nova-canvas');
  const { text } = requireFields(
    textToImageParams,
    isNova ? { ...TEXT_TO_IMAGE, style: 'string' } : TEXT_TO_IMAGE,
    '#/textToImageParams',
  );
  const most = isNova ? 1024 : 512;
  if (String(text).length === 0 || String(text).length > most)
    throw malformed(`#/textToImageParams/text: 1 to ${most}`);
  const config = requireFields(imageGenerationConfig ?? {}, GENERATION, '#/imageGenerationConfig');
  requireWord(config.quality, ['standard', 'premium'], '#/imageGenerationConfig/quality');
  const count = Number(config.numberOfImages ?? 1);
  if (count < 1 || count > 5) throw malformed('#/imageGenerationConfig/numberOfImages: must be between 1 and 5');
  for (const side of [config.width, config.height]) {
    const isFine =
      side === undefined || (isNova ? Number(side) % 16 === 0 && Number(side) >= 320 : Number(side) % 64 === 0);
    if (!isFine) throw invalid('The requested image dimensions are not supported.');
  }
  // Prompts with this word are what the filter of the fake is made for.
  if (String(text).includes('forbidden')) {
    return jsonAnswer(200, { images: [], error: 'The generated image(s) have been blocked by our content filters.' });
  }
  const images = Array.from({ length: count }, (_, i) => imageOf(`image ${request.n} ${i} of ${model}`));
  return jsonAnswer(200, { images, error: null }, usageOf(settings, countTokens(String(text))));
}

const STABILITY = {
  ...{ prompt: 'string!', negative_prompt: 'string', aspect_ratio: 'string', output_format: 'string', seed: 'integer' },
};
const STABILITY_RATIOS = ['16:9', '1:1', '21:9', '2:3', '3:2', '4:5', '5:4', '9:16', '9:21'];

function stabilityImages(request: RecordedRequest, settings: FakeSettings, model: string, body: Json): UnaryAnswer {
  const isSd3 = model.includes('sd3');
  const spec = isSd3 ? { ...STABILITY, mode: 'string', image: 'string', strength: 'number' } : STABILITY;
  const { prompt, aspect_ratio: ratio, output_format: format, mode } = requireFields(body, spec);
  requireWord(ratio, STABILITY_RATIOS, '#/aspect_ratio');
  requireWord(format, ['png', 'jpeg'], '#/output_format');
  requireWord(mode, ['text-to-image', 'image-to-image'], '#/mode');
  const isFiltered = String(prompt).includes('forbidden');
  const answer = {
    seeds: [request.n],
    finish_reasons: [isFiltered ? 'Filter reason: prompt' : null],
    ...(isFiltered ? {} : { images: [imageOf(`image ${request.n} of ${model}`)] }),
  };
  return jsonAnswer(200, answer, usageOf(settings, countTokens(String(prompt))));
}

function imageOf(text: string): string {
  return Buffer.from(text).toString('base64');
}
