/** `POST /v1/embeddings` and vLLM's `POST /tokenize`. */
import { type Answer, jsonAnswer } from '../answer.ts';
import type { RecordedRequest } from '../recorded.ts';
import type { FakeSettings } from '../settings.ts';
import { promptText, usageOf } from '../usage.ts';
import { refuse, requireFields, requireJson, requireModel } from './errors.ts';

const FIELDS = {
  model: 'string!',
  input: 'string|array!',
  dimensions: 'integer',
  encoding_format: 'string',
  user: 'string',
};

/** Answers with small vectors that depend on the index alone. Errors: throws `Refusal`. */
export function embeddings(request: RecordedRequest, settings: FakeSettings, pathModel?: string): Answer {
  const body = requireJson(request);
  requireFields(body, pathModel === undefined ? FIELDS : { ...FIELDS, model: 'string' }, settings);
  const model = requireModel(pathModel ?? body.model, settings);
  const inputs = Array.isArray(body.input) && typeof body.input[0] !== 'number' ? body.input : [body.input];
  if (inputs.length === 0 || inputs.some((input) => input === '')) {
    throw refuse(400, "'$.input' is invalid. Please check the API reference.", null, 'input');
  }
  const format = body.encoding_format ?? 'float';
  if (format !== 'float' && format !== 'base64') {
    throw refuse(
      400,
      `Invalid value: '${String(format)}'. Supported values are: 'float' and 'base64'.`,
      'invalid_value',
    );
  }
  const usage = { ...usageOf(request, settings, promptText(inputs)), output: 0 };
  const size = typeof body.dimensions === 'number' ? body.dimensions : 4;
  const data = inputs.map((_, index) => {
    const vector = Float32Array.from({ length: size }, (_unused, i) => (index + 1) / (i + 2));
    const embedding = format === 'float' ? [...vector] : Buffer.from(vector.buffer).toString('base64');
    return { object: 'embedding', index, embedding };
  });
  const counts = { prompt_tokens: usage.input, total_tokens: usage.input };
  return jsonAnswer(200, { object: 'list', data, model, usage: counts }, usage);
}

const TOKENIZE_FIELDS = {
  ...{
    model: 'string',
    prompt: 'string',
    messages: 'array',
    add_special_tokens: 'boolean',
    return_token_strs: 'boolean',
  },
  ...{ add_generation_prompt: 'boolean', continue_final_message: 'boolean', tools: 'array', chat_template: 'string' },
  chat_template_kwargs: 'object',
};

/** Answers vLLM's tokenize: of a prompt, or of messages. Errors: throws `Refusal`. */
export function tokenize(request: RecordedRequest, settings: FakeSettings): Answer {
  const body = requireJson(request);
  requireFields(body, TOKENIZE_FIELDS, settings);
  if ((body.prompt === undefined) === (body.messages === undefined)) {
    throw refuse(400, "exactly one of 'prompt' and 'messages' is required", 'missing_required_parameter', 'prompt');
  }
  const { input } = usageOf(request, settings, promptText(body.prompt) + promptText(body.messages));
  const tokens = Array.from({ length: input }, (_, index) => 100 + index);
  return jsonAnswer(200, { count: input, max_model_len: 131_072, tokens, token_strs: null });
}
