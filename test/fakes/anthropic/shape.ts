/** The request of the messages API on every platform, as data. Source: Anthropic API reference, 2023-06-01. */
import {
  any,
  base64,
  bool,
  either,
  fields,
  filled,
  form,
  int,
  json,
  list,
  num,
  type Shape,
  type ShapeProblem,
  tagged,
  text,
  word,
} from '../shape.ts';

/** Where Claude runs: the clouds know fewer fields, and name the version in the body. */
export type Platform = 'api' | 'bedrock' | 'vertex';

const CACHE = { cache_control: fields({ 'type!': word('ephemeral'), ttl: word('5m', '1h') }) };
const NAME = form(/^[a-zA-Z0-9_-]{1,128}$/);
const ID = form(/^[a-zA-Z0-9_-]+$/);
const TYPE = { 'type!': text };

/** The clouds take no addresses and no files, bytes alone. */
function source(platform: Platform, shapes: Readonly<Record<string, Shape>>): Shape {
  const remote = { url: fields({ ...TYPE, 'url!': filled }), file: fields({ ...TYPE, 'file_id!': filled }) };
  return tagged('type', platform === 'api' ? { ...shapes, ...remote } : shapes);
}

function image(platform: Platform): Shape {
  const media = word('image/jpeg', 'image/png', 'image/gif', 'image/webp');
  const bytes = fields({ ...TYPE, 'media_type!': media, 'data!': base64 });
  return fields({ ...TYPE, ...CACHE, 'source!': source(platform, { base64: bytes }) });
}

function document(platform: Platform): Shape {
  const bytes = fields({ ...TYPE, 'media_type!': word('application/pdf'), 'data!': base64 });
  const plain = fields({ ...TYPE, 'media_type!': word('text/plain'), 'data!': text });
  const parts = fields({ ...TYPE, 'content!': either(text, list(json)) });
  return fields({
    ...{ ...TYPE, ...CACHE, title: text, context: text, citations: fields({ enabled: bool }) },
    'source!': source(platform, { base64: bytes, text: plain, content: parts }),
  });
}

const TEXT_BLOCK = fields({ ...TYPE, ...CACHE, 'text!': text, citations: list(json) });

const SEARCH_RESULT = fields({
  ...{ ...TYPE, ...CACHE, 'source!': text, 'title!': text, citations: fields({ enabled: bool }) },
  'content!': list(TEXT_BLOCK, 1),
});

/** Blocks of tools that Anthropic runs itself: translation has nothing to do with their insides. */
const SERVER_BLOCKS = Object.fromEntries(
  [
    ...['server_tool_use', 'web_search_tool_result', 'web_fetch_tool_result', 'code_execution_tool_result'],
    ...['bash_code_execution_tool_result', 'text_editor_code_execution_tool_result', 'tool_search_tool_result'],
    ...['mcp_tool_use', 'mcp_tool_result', 'container_upload'],
  ].map((type) => [type, any]),
);

function blocks(platform: Platform): Shape {
  const media = {
    text: TEXT_BLOCK,
    image: image(platform),
    document: document(platform),
    search_result: SEARCH_RESULT,
  };
  const results = { ...media, tool_reference: any };
  return tagged('type', {
    ...media,
    thinking: fields({ ...TYPE, 'thinking!': text, 'signature!': text }),
    redacted_thinking: fields({ ...TYPE, 'data!': text }),
    tool_use: fields({ ...TYPE, ...CACHE, 'id!': ID, 'name!': NAME, 'input!': json, caller: json }),
    tool_result: fields({
      ...{ ...TYPE, ...CACHE, 'tool_use_id!': ID, is_error: bool },
      content: either(text, list(tagged('type', results))),
    }),
    ...SERVER_BLOCKS,
  });
}

const CUSTOM_TOOL = fields({
  ...{ ...CACHE, type: word('custom'), 'name!': NAME, description: text, 'input_schema!': json, strict: bool },
  ...{ eager_input_streaming: bool, defer_loading: bool, allowed_callers: list(text), input_examples: list(json) },
});

/** Tools of Anthropic's own carry a type with a date. */
const OWN_TOOL = form(/^[a-z_]+_\d{8}$/);

/** The shape of one tool, which depends on its type. */
export function toolShape(tool: Readonly<Record<string, unknown>>): Shape {
  const { type, ...rest } = tool;
  if (type === undefined || type === 'custom') return CUSTOM_TOOL;
  const others = Object.keys(rest).map((key) => [key, any] as const);
  return fields({ 'type!': OWN_TOOL, ...Object.fromEntries(others) });
}

const PARALLEL = { disable_parallel_tool_use: bool };

const TOOL_CHOICE = tagged('type', {
  auto: fields({ ...TYPE, ...PARALLEL }),
  any: fields({ ...TYPE, ...PARALLEL }),
  tool: fields({ ...TYPE, ...PARALLEL, 'name!': NAME }),
  none: fields(TYPE),
});

const THINKING = tagged('type', {
  enabled: fields({ ...TYPE, 'budget_tokens!': int(1024), display: word('summarized', 'omitted') }),
  disabled: fields(TYPE),
  adaptive: fields({ ...TYPE, display: word('summarized', 'omitted') }),
});

const FORMAT = fields({ 'type!': word('json_schema'), 'schema!': json });

const OUTPUT_CONFIG = fields({
  effort: word('low', 'medium', 'high', 'xhigh', 'max'),
  format: FORMAT,
  task_budget: json,
});

function inputFields(platform: Platform): Record<string, Shape> {
  const content = either(text, list(blocks(platform)));
  return {
    'messages!': list(fields({ 'role!': word('user', 'assistant'), 'content!': content })),
    system: either(text, list(tagged('type', { text: TEXT_BLOCK }))),
    ...{ tools: list(json), tool_choice: TOOL_CHOICE, thinking: THINKING, output_config: OUTPUT_CONFIG },
    ...{ output_format: FORMAT, context_management: json, ...CACHE },
  };
}

const API_FIELDS = {
  ...{ mcp_servers: list(json), container: any, service_tier: word('auto', 'standard_only'), inference_geo: text },
};

/** Fields that name model, version and streaming, where the platform wants them. */
function platformFields(platform: Platform): Record<string, Shape> {
  const beta = { anthropic_beta: list(text) };
  if (platform === 'bedrock') return { ...beta, 'anthropic_version!': word('bedrock-2023-05-31') };
  if (platform === 'vertex') return { ...beta, 'anthropic_version!': word('vertex-2023-10-16'), stream: bool };
  return { 'model!': filled, stream: bool };
}

/** The body of a message. */
export function messagesShape(platform: Platform): Shape {
  return fields({
    ...{ ...platformFields(platform), ...inputFields(platform), ...(platform === 'api' ? API_FIELDS : {}) },
    ...{ 'max_tokens!': int(1), metadata: fields({ user_id: text }), stop_sequences: list(text) },
    ...{ temperature: num(0, 1), top_p: num(0, 1), top_k: int(0) },
  });
}

/** The body of a count of tokens, which names its model on Vertex too. */
export function countShape(platform: 'api' | 'vertex'): Shape {
  const version =
    platform === 'vertex' ? { anthropic_version: word('vertex-2023-10-16') } : { mcp_servers: list(json) };
  return fields({ 'model!': filled, ...version, ...inputFields(platform) });
}

const TYPE_NAMES: Readonly<Record<string, string>> = {
  ...{ object: 'dictionary', array: 'list', string: 'string', integer: 'integer', number: 'number' },
  ...{ boolean: 'boolean', base64: 'base64 string' },
};

/** A difference in the words of the API's validator. */
export function problemText({ kind, path, value, expected }: ShapeProblem): string {
  const at = path.join('.');
  switch (kind) {
    case 'missing':
      return `${at}: Field required`;
    case 'unknown':
      return `${at}: Extra inputs are not permitted`;
    case 'type':
    case 'union':
      return `${at}: Input should be a valid ${TYPE_NAMES[expected] ?? expected}`;
    case 'low':
      return `${at}: Input should be greater than or equal to ${expected}`;
    case 'high':
      return `${at}: Input should be less than or equal to ${expected}`;
    case 'short':
      return `${at}: ${Array.isArray(value) ? 'List' : 'String'} should have at least ${expected} items`;
    case 'long':
      return `${at}: ${Array.isArray(value) ? 'List' : 'String'} should have at most ${expected} items`;
    case 'pattern':
      return `${at}: String should match pattern '${expected}'`;
    case 'value':
      return path.at(-1) === 'role'
        ? `messages: Unexpected role "${String(value)}". Allowed roles are "user" or "assistant".`
        : `${at}: Input should be one of: ${expected}, not '${String(value)}'`;
  }
}
