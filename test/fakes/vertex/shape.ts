/**
 * The requests of Gemini on Vertex AI as data. Google's parser also takes names in snake case; clients that are asked to
 * write the names of the reference are held to them. Source: Vertex AI reference, v1 publishers.models.
 */
import { any, base64, bool, fields, form, int, json, later, list, map, num, type Shape, text, word } from '../shape.ts';

/** A payload of any JSON: google.protobuf.Value. */
const VALUE = any;
const SECONDS = form(/^\d+(\.\d{1,9})?s$/);
/** Bytes may be in either alphabet of base64. */
const BYTES = form(/^[A-Za-z0-9+/_-]*={0,2}$/);

const BLOB = fields({ mimeType: text, data: base64, displayName: text });
const FILE = fields({ mimeType: text, fileUri: text, displayName: text });
const RESOLUTIONS = ['LOW', 'MEDIUM', 'HIGH', 'ULTRA_HIGH'].map((level) => `MEDIA_RESOLUTION_${level}`);

const RESULT_PART = fields({ inlineData: BLOB, fileData: FILE });

const PART = fields({
  ...{ text, inlineData: BLOB, fileData: FILE, thought: bool, thoughtSignature: BYTES },
  functionCall: fields({ id: text, name: text, args: json, partialArgs: list(json), willContinue: bool }),
  functionResponse: fields({ id: text, name: text, response: json, parts: list(RESULT_PART) }),
  executableCode: fields({ language: word('PYTHON', 'LANGUAGE_UNSPECIFIED'), code: text }),
  codeExecutionResult: fields({ outcome: text, output: text }),
  videoMetadata: fields({ startOffset: SECONDS, endOffset: SECONDS, fps: num(0) }),
  mediaResolution: fields({ level: word('MEDIA_RESOLUTION_UNSPECIFIED', ...RESOLUTIONS) }),
});

/** Roles are judged later: to the parser they are text. */
export const CONTENT = fields({ role: text, parts: list(PART) });

const TYPES = ['STRING', 'NUMBER', 'INTEGER', 'BOOLEAN', 'ARRAY', 'OBJECT', 'NULL', 'TYPE_UNSPECIFIED'];

const SCHEMA: Shape = fields({
  ...{ type: word(...TYPES), format: text, title: text, description: text, nullable: bool, default: VALUE },
  ...{ items: later(() => SCHEMA), minItems: form(/^\d+$/), maxItems: form(/^\d+$/), enum: list(text) },
  ...{ properties: map(later(() => SCHEMA)), propertyOrdering: list(text), required: list(text) },
  ...{ minProperties: form(/^\d+$/), maxProperties: form(/^\d+$/), minimum: num(), maximum: num() },
  ...{ minLength: form(/^\d+$/), maxLength: form(/^\d+$/), pattern: text, example: VALUE },
  ...{ anyOf: list(later(() => SCHEMA)), additionalProperties: VALUE, ref: text, defs: map(later(() => SCHEMA)) },
});

const FUNCTION = fields({
  ...{ name: text, description: text, parameters: SCHEMA, parametersJsonSchema: VALUE },
  ...{ response: SCHEMA, responseJsonSchema: VALUE },
});

const INTERVAL = fields({ startTime: text, endTime: text });
const BLOCKING = { blockingConfidence: text };

const TOOL = fields({
  functionDeclarations: list(FUNCTION),
  googleSearch: fields({ excludeDomains: list(text), timeRangeFilter: INTERVAL, ...BLOCKING }),
  enterpriseWebSearch: fields({ excludeDomains: list(text), ...BLOCKING }),
  ...{
    retrieval: json,
    googleSearchRetrieval: json,
    googleMaps: json,
    urlContext: fields({}),
    codeExecution: fields({}),
  },
  computerUse: json,
});

const TOOL_CONFIG = fields({
  functionCallingConfig: fields({
    mode: word('MODE_UNSPECIFIED', 'AUTO', 'ANY', 'NONE', 'VALIDATED'),
    ...{ allowedFunctionNames: list(text), streamFunctionCallArguments: bool },
  }),
  retrievalConfig: json,
});

const THINKING = fields({
  ...{ includeThoughts: bool, thinkingBudget: int() },
  thinkingLevel: word('THINKING_LEVEL_UNSPECIFIED', 'MINIMAL', 'LOW', 'MEDIUM', 'HIGH'),
});

const GENERATION = fields({
  ...{ temperature: num(), topP: num(), topK: num(), candidateCount: int(), maxOutputTokens: int() },
  ...{ stopSequences: list(text), responseLogprobs: bool, logprobs: int(), presencePenalty: num() },
  ...{ frequencyPenalty: num(), seed: int(), responseMimeType: text, responseSchema: SCHEMA },
  ...{ responseJsonSchema: VALUE, routingConfig: json, audioTimestamp: bool, enableAffectiveDialog: bool },
  responseModalities: list(word('TEXT', 'IMAGE', 'AUDIO', 'MODALITY_UNSPECIFIED')),
  mediaResolution: word('MEDIA_RESOLUTION_UNSPECIFIED', ...RESOLUTIONS),
  ...{ speechConfig: json, thinkingConfig: THINKING, imageConfig: json, modelConfig: json },
});

const HARM = ['HATE_SPEECH', 'DANGEROUS_CONTENT', 'HARASSMENT', 'SEXUALLY_EXPLICIT', 'CIVIC_INTEGRITY', 'JAILBREAK'];
const THRESHOLDS = ['BLOCK_LOW_AND_ABOVE', 'BLOCK_MEDIUM_AND_ABOVE', 'BLOCK_ONLY_HIGH', 'BLOCK_NONE', 'OFF'];

const SAFETY = fields({
  category: word('HARM_CATEGORY_UNSPECIFIED', ...HARM.map((harm) => `HARM_CATEGORY_${harm}`)),
  threshold: word('HARM_BLOCK_THRESHOLD_UNSPECIFIED', ...THRESHOLDS),
  method: word('HARM_BLOCK_METHOD_UNSPECIFIED', 'SEVERITY', 'PROBABILITY'),
});

const ASKED = { contents: list(CONTENT), systemInstruction: CONTENT, tools: list(TOOL), generationConfig: GENERATION };

/** The body of `generateContent` and of `streamGenerateContent`. */
export const GENERATE_SHAPE: Shape = fields({
  ...{ ...ASKED, toolConfig: TOOL_CONFIG, safetySettings: list(SAFETY), cachedContent: text, labels: map(text) },
  ...{ modelArmorConfig: json, serviceTier: text },
});

/** The body of `countTokens`. */
export const COUNT_SHAPE: Shape = fields({ ...ASKED, model: text, instances: list(VALUE) });

/** The body of `embedContent`. */
export const EMBED_SHAPE: Shape = fields({
  ...{ content: CONTENT, title: text, taskType: word(...taskTypes()), outputDimensionality: int(), autoTruncate: bool },
  embedContentConfig: json,
});

/** The body of `predict`: what the instances hold is for the model to judge. */
export const PREDICT_SHAPE: Shape = fields({ instances: list(VALUE), parameters: VALUE, labels: map(text) });

/** What embeddings may be for. */
export function taskTypes(): string[] {
  return [
    ...['RETRIEVAL_QUERY', 'RETRIEVAL_DOCUMENT', 'SEMANTIC_SIMILARITY', 'CLASSIFICATION', 'CLUSTERING'],
    ...['QUESTION_ANSWERING', 'FACT_VERIFICATION', 'CODE_RETRIEVAL_QUERY'],
  ];
}
