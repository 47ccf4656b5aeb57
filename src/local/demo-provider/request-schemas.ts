/** Which requests are well-formed. Source: the API references of OpenAI and Anthropic. */
import { Ajv, type ErrorObject, type ValidateFunction } from 'ajv';
import { Refusal } from './refusal.ts';

type Schema = Readonly<Record<string, unknown>>;

const BOOLEAN = { type: 'boolean' };
const STRING = { type: 'string' };
const OBJECT = { type: 'object' };
const ANY_LIST = { type: 'array' };
const POSITIVE = { type: 'integer', minimum: 1 };
const optional = (schema: Schema): Schema => ({ anyOf: [schema, { type: 'null' }] });
const between = (minimum: number, maximum: number): Schema => ({ type: 'number', minimum, maximum });
const oneOf = (...values: string[]): Schema => ({ enum: values });
const nonEmpty = (items: Schema): Schema => ({ type: 'array', items, minItems: 1 });

function request(required: Readonly<Record<string, Schema>>, others: Readonly<Record<string, Schema>>): Schema {
  const properties = { ...required };
  for (const [name, schema] of Object.entries(others)) properties[name] = optional(schema);
  return { type: 'object', required: Object.keys(required), properties, additionalProperties: false };
}

const MODEL = { type: 'string', minLength: 1 };
const CONTENT = { anyOf: [STRING, nonEmpty({ type: 'object', required: ['type'], properties: { type: STRING } })] };

const CHAT_MESSAGE = {
  type: 'object',
  required: ['role'],
  properties: {
    role: oneOf('developer', 'system', 'user', 'assistant', 'tool', 'function'),
    content: optional(CONTENT),
  },
  // Only an assistant may have said nothing: it may have called a tool.
  if: { properties: { role: { enum: ['assistant', 'function'] } } },
  else: { required: ['content'], properties: { content: CONTENT } },
};

const STREAM_OPTIONS = {
  type: 'object',
  properties: { include_usage: BOOLEAN, include_obfuscation: BOOLEAN },
  additionalProperties: false,
};

const SAMPLING = {
  frequency_penalty: between(-2, 2),
  presence_penalty: between(-2, 2),
  logit_bias: OBJECT,
  max_tokens: POSITIVE,
  n: { type: 'integer', minimum: 1, maximum: 128 },
  seed: { type: 'integer' },
  stop: { anyOf: [STRING, { type: 'array', items: STRING, maxItems: 4 }] },
  stream: BOOLEAN,
  stream_options: STREAM_OPTIONS,
  temperature: between(0, 2),
  top_p: between(0, 1),
  user: STRING,
};

const SCHEMAS = {
  chat: request(
    { model: MODEL, messages: nonEmpty(CHAT_MESSAGE) },
    {
      ...SAMPLING,
      audio: OBJECT,
      function_call: {},
      functions: ANY_LIST,
      logprobs: BOOLEAN,
      max_completion_tokens: POSITIVE,
      metadata: OBJECT,
      modalities: nonEmpty(STRING),
      parallel_tool_calls: BOOLEAN,
      prediction: OBJECT,
      prompt_cache_key: STRING,
      prompt_cache_retention: STRING,
      reasoning_effort: STRING,
      response_format: { type: 'object', required: ['type'] },
      safety_identifier: STRING,
      service_tier: STRING,
      store: BOOLEAN,
      tool_choice: {},
      tools: ANY_LIST,
      top_logprobs: { type: 'integer', minimum: 0, maximum: 20 },
      verbosity: STRING,
      web_search_options: OBJECT,
    },
  ),
  completion: request(
    { model: MODEL, prompt: { anyOf: [STRING, nonEmpty(STRING)] } },
    { ...SAMPLING, best_of: POSITIVE, echo: BOOLEAN, logprobs: { type: 'integer' }, suffix: STRING },
  ),
  embedding: request(
    {
      model: MODEL,
      input: { anyOf: [{ type: 'string', minLength: 1 }, nonEmpty({ type: ['string', 'integer', 'array'] })] },
    },
    {
      dimensions: { type: 'integer', minimum: 1, maximum: 3072 },
      encoding_format: oneOf('float', 'base64'),
      user: STRING,
    },
  ),
  response: request(
    { model: MODEL, input: { anyOf: [STRING, nonEmpty(OBJECT)] } },
    {
      background: BOOLEAN,
      include: ANY_LIST,
      instructions: STRING,
      max_output_tokens: POSITIVE,
      max_tool_calls: POSITIVE,
      metadata: OBJECT,
      parallel_tool_calls: BOOLEAN,
      previous_response_id: STRING,
      prompt_cache_key: STRING,
      reasoning: OBJECT,
      safety_identifier: STRING,
      service_tier: STRING,
      store: BOOLEAN,
      stream: BOOLEAN,
      stream_options: OBJECT,
      temperature: between(0, 2),
      text: OBJECT,
      tool_choice: {},
      tools: ANY_LIST,
      top_logprobs: { type: 'integer', minimum: 0, maximum: 20 },
      top_p: between(0, 1),
      truncation: oneOf('auto', 'disabled'),
      user: STRING,
    },
  ),
  message: request(
    {
      model: MODEL,
      max_tokens: POSITIVE,
      messages: nonEmpty({
        type: 'object',
        required: ['role', 'content'],
        properties: { role: oneOf('user', 'assistant'), content: CONTENT },
        additionalProperties: false,
      }),
    },
    {
      container: {},
      context_management: OBJECT,
      mcp_servers: ANY_LIST,
      metadata: OBJECT,
      service_tier: STRING,
      stop_sequences: { type: 'array', items: STRING },
      stream: BOOLEAN,
      system: CONTENT,
      temperature: between(0, 1),
      thinking: OBJECT,
      tool_choice: OBJECT,
      tools: ANY_LIST,
      top_k: { type: 'integer', minimum: 0 },
      top_p: between(0, 1),
    },
  ),
} satisfies Record<string, Schema>;

export type RequestKind = keyof typeof SCHEMAS;

const ajv = new Ajv({ allowUnionTypes: true, strictRequired: false, strictTypes: false });
const compiled = new Map<RequestKind, ValidateFunction>();

/** Refuses a body that the kind of request does not allow, as the provider does: by its first problem. */
export function checkBody(kind: RequestKind, body: unknown): Record<string, unknown> {
  const check = compiled.get(kind) ?? ajv.compile(SCHEMAS[kind]);
  compiled.set(kind, check);
  if (!check(body)) throw refusalOf(check.errors?.[0]);
  return body as Record<string, unknown>;
}

function refusalOf(error: ErrorObject | undefined): Refusal {
  const path = (error?.instancePath ?? '')
    .replace(/\/(\d+)/g, '[$1]')
    .replaceAll('/', '.')
    .replace(/^\./, '');
  const inside = (name: unknown): string => (path === '' ? String(name) : `${path}.${String(name)}`);
  if (error?.keyword === 'required') {
    const param = inside(error.params.missingProperty);
    return new Refusal(400, `Missing required parameter: '${param}'.`, { param, code: 'missing_required_parameter' });
  }
  if (error?.keyword === 'additionalProperties') {
    const param = inside(error.params.additionalProperty);
    return new Refusal(400, `Unrecognized request argument supplied: ${param}`, { param, code: 'unknown_parameter' });
  }
  const what = error?.keyword === 'type' ? 'type' : 'value';
  const message = path === '' ? 'The body must be a JSON object.' : `Invalid ${what} for '${path}': ${error?.message}.`;
  return new Refusal(400, message, { ...(path === '' ? {} : { param: path }), code: `invalid_${what}` });
}
