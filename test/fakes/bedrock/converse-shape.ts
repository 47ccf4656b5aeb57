/** The request of Converse and ConverseStream, as data. Source: Amazon Bedrock API reference, 2023-09-30. */
import {
  any,
  base64,
  bool,
  fields,
  filled,
  form,
  int,
  json,
  later,
  list,
  map,
  num,
  one,
  type Shape,
  text,
  word,
} from '../shape.ts';

const TOOL_NAME = form(/^[a-zA-Z0-9_-]{1,64}$/);
const TOOL_ID = form(/^[a-zA-Z0-9_.:-]{1,64}$/);
const LOCATION = fields({ 'uri!': form(/^s3:\/\/[a-z0-9][.\-a-z0-9]{1,61}[a-z0-9](\/.*)?$/), bucketOwner: text });
const BYTES = one({ bytes: base64, s3Location: LOCATION });

const IMAGE = fields({ 'format!': word('png', 'jpeg', 'gif', 'webp'), 'source!': BYTES });

const VIDEO = fields({
  'format!': word('mkv', 'mov', 'mp4', 'webm', 'flv', 'mpeg', 'mpg', 'wmv', 'three_gp'),
  'source!': BYTES,
});

const AUDIO = fields({
  'format!': word(...['mp3', 'opus', 'wav', 'aac', 'flac', 'mp4', 'ogg', 'mkv', 'mka', 'x-aac', 'm4a', 'mpeg', 'mpga']),
  'source!': BYTES,
});

const DOCUMENT = fields({
  format: word('pdf', 'csv', 'doc', 'docx', 'xls', 'xlsx', 'html', 'txt', 'md'),
  // Letters, digits, single blanks, hyphens and brackets: no dots, so no file names.
  'name!': form(/^(?!.*\s\s)[a-zA-Z0-9\s\-()[\]]+$/, 200),
  'source!': one({ bytes: base64, s3Location: LOCATION, text: filled, content: list(one({ text: filled }), 1) }),
  context: text,
  citations: fields({ 'enabled!': bool }),
});

const SEARCH_RESULT = fields({
  'source!': filled,
  'title!': filled,
  'content!': list(fields({ 'text!': filled }), 1),
  citations: fields({ 'enabled!': bool }),
});

const CACHE_POINT = fields({ 'type!': word('default'), ttl: word('5m', '1h') });

const GUARD_CONTENT = one({
  text: fields({ 'text!': text, qualifiers: list(word('grounding_source', 'query', 'guard_content')) }),
  image: fields({ 'format!': word('png', 'jpeg'), 'source!': one({ bytes: base64 }) }),
});

const REASONING = one({
  reasoningText: fields({ 'text!': text, signature: text }),
  redactedContent: base64,
});

const TOOL_RESULT = fields({
  'toolUseId!': TOOL_ID,
  'content!': list(
    one({ json: any, text, image: IMAGE, document: DOCUMENT, video: VIDEO, searchResult: SEARCH_RESULT }),
  ),
  status: word('success', 'error'),
  type: text,
});

const CITATIONS = fields({ content: list(one({ text })), citations: list(json) });

/** One block of a message. */
const CONTENT_BLOCK: Shape = one({
  text,
  image: IMAGE,
  document: DOCUMENT,
  video: VIDEO,
  audio: AUDIO,
  toolUse: fields({ 'toolUseId!': TOOL_ID, 'name!': TOOL_NAME, 'input!': json, type: text }),
  toolResult: TOOL_RESULT,
  guardContent: GUARD_CONTENT,
  cachePoint: CACHE_POINT,
  reasoningContent: REASONING,
  citationsContent: CITATIONS,
  searchResult: SEARCH_RESULT,
});

const TOOL = one({
  toolSpec: fields({
    'name!': TOOL_NAME,
    description: filled,
    'inputSchema!': one({ json }),
    strict: bool,
  }),
  systemTool: fields({ 'name!': TOOL_NAME }),
  cachePoint: CACHE_POINT,
});

const EMPTY = fields({});

const TOOL_CONFIG = fields({
  'tools!': list(TOOL, 1),
  toolChoice: one({ auto: EMPTY, any: EMPTY, tool: fields({ 'name!': TOOL_NAME }) }),
});

const OUTPUT_CONFIG = fields({
  effort: filled,
  textFormat: fields({
    'type!': word('json_schema'),
    'structure!': one({ jsonSchema: fields({ 'schema!': filled, name: text, description: text }) }),
  }),
});

const MESSAGES = list(fields({ 'role!': word('user', 'assistant'), 'content!': list(later(() => CONTENT_BLOCK)) }));

const SYSTEM = list(one({ text: filled, guardContent: GUARD_CONTENT, cachePoint: CACHE_POINT }));

/** The part of a request that CountTokens takes. */
export const CONVERSE_TOKENS_SHAPE: Shape = fields({
  messages: MESSAGES,
  system: SYSTEM,
  toolConfig: TOOL_CONFIG,
  additionalModelRequestFields: json,
});

/** The body of Converse and of ConverseStream; the latter knows one more guardrail field. */
export function converseShape(isStream: boolean): Shape {
  return fields({
    messages: MESSAGES,
    system: SYSTEM,
    inferenceConfig: fields({
      maxTokens: int(1),
      temperature: num(0, 1),
      topP: num(0, 1),
      stopSequences: list(filled, 0, 2500),
    }),
    toolConfig: TOOL_CONFIG,
    guardrailConfig: fields({
      'guardrailIdentifier!': form(
        /^(([a-z0-9]+)|(arn:aws(-[^:]+)?:bedrock:[a-z0-9-]{1,20}:[0-9]{12}:guardrail\/[a-z0-9]+))$/,
      ),
      'guardrailVersion!': form(/^(([1-9][0-9]{0,7})|(DRAFT))$/),
      trace: word('enabled', 'disabled', 'enabled_full'),
      ...(isStream ? { streamProcessingMode: word('sync', 'async') } : {}),
    }),
    additionalModelRequestFields: json,
    additionalModelResponseFieldPaths: list(form(/^\//, 256), 0, 10),
    promptVariables: map(one({ text })),
    requestMetadata: map(form(/^[a-zA-Z0-9\s:_@$#=/+,.-]*$/, 256)),
    performanceConfig: fields({ latency: word('standard', 'optimized') }),
    serviceTier: fields({ 'type!': word('priority', 'default', 'flex', 'reserved') }),
    outputConfig: OUTPUT_CONFIG,
  });
}
