import { GatewayError } from '../../lib/errors.ts';
import type { ConversationRequest, JsonObject, JsonValue, OutputFormat } from '../conversation.ts';
import type { DialectContext } from '../dialect.ts';
import { isJsonObject, isText, listOf, objectOf, parseJsonObject, present, textOf } from '../json.ts';
import { geminiModelFacts } from './models.ts';
import { toVertexSchema } from './schema.ts';
import { writeThinking } from './thinking.ts';

/**
 * Gemini's `generationConfig`. Errors: GatewayError `invalid_input` for two forms of the answer at once.
 * Source: Vertex AI reference, GenerationConfig.
 */
export function writeGenerationConfig(request: ConversationRequest, context: DialectContext): JsonObject {
  const { extra } = request;
  return present({
    temperature: request.temperature,
    topP: request.topP,
    topK: request.topK,
    maxOutputTokens: request.maxTokens,
    stopSequences: request.stop,
    seed: request.seed,
    frequencyPenalty: request.frequencyPenalty,
    presencePenalty: request.presencePenalty,
    candidateCount: request.candidates,
    responseLogprobs: request.logprobs === undefined ? undefined : true,
    logprobs: request.logprobs !== undefined && request.logprobs.top > 0 ? request.logprobs.top : undefined,
    thinkingConfig: writeThinking(request.reasoning, context),
    mediaResolution: extra.mediaResolution,
    responseModalities: modalities(extra.responseModalities ?? extra.modalities),
    speechConfig: extra.speechConfig,
    imageConfig: extra.imageConfig,
    ...writeOutput(request, context),
    ...objectOf(extra.generationConfig),
  });
}

/** Fields of a client's body that this file takes though its API does not have them. */
export const GENERATION_FIELDS = [
  'generationConfig',
  'mediaResolution',
  'responseModalities',
  'modalities',
  'speechConfig',
  'imageConfig',
  'guided_choice',
  'guided_regex',
  'guided_json',
  'structured_outputs',
];

/** OpenAI's are lower case, Gemini's are not. Text alone is what every model gives. */
function modalities(value: JsonValue | undefined): JsonValue | undefined {
  const named = listOf(value).flatMap((one) => textOf(one)?.toUpperCase() ?? []);
  return named.length === 0 || (named.length === 1 && named[0] === 'TEXT') ? undefined : named;
}

/** The form of the answer, by OpenAI's `response_format` or by one of vLLM's guided decodings. */
function writeOutput({ outputFormat, extra }: ConversationRequest, context: DialectContext): JsonObject {
  // vLLM's newer name holds what the older fields had each.
  const structured = objectOf(extra.structured_outputs);
  const choice = extra.guided_choice ?? structured.choice;
  const regex = extra.guided_regex ?? structured.regex;
  const json = extra.guided_json ?? structured.json;
  const asked = [outputFormat, choice, regex, json].filter((one) => one !== undefined && one !== null);
  if (asked.length > 1) {
    throw new GatewayError(
      'invalid_input',
      'only one of response_format, guided_choice, guided_regex and guided_json can be given',
    );
  }
  if (choice !== undefined && choice !== null) {
    return { responseMimeType: 'text/x.enum', responseSchema: { type: 'STRING', enum: listOf(choice) } };
  }
  if (isText(regex)) {
    return { responseMimeType: 'application/json', responseSchema: { type: 'STRING', pattern: regex } };
  }
  if (json !== undefined && json !== null) return writeSchema(schemaOf(json), context);
  return outputFormat === undefined ? {} : writeFormat(outputFormat, context);
}

function writeFormat(format: OutputFormat, context: DialectContext): JsonObject {
  if (format.kind === 'json_object') return { responseMimeType: 'application/json' };
  return writeSchema(format.schema, context);
}

/** vLLM takes a schema as an object or as its text. */
function schemaOf(value: JsonValue): JsonObject {
  const schema = isText(value) ? parseJsonObject(value) : value;
  if (!isJsonObject(schema)) throw new GatewayError('invalid_input', "'guided_json' must be a JSON Schema");
  return schema;
}

function writeSchema(schema: JsonObject, context: DialectContext): JsonObject {
  if (geminiModelFacts(context.model, context.provider).jsonSchema) {
    return { responseMimeType: 'application/json', responseJsonSchema: schema };
  }
  const leftOut = (keyword: string) => context.unsupported.add(`response_format.json_schema.schema.${keyword}`);
  return { responseMimeType: 'application/json', responseSchema: toVertexSchema(schema, leftOut) };
}
