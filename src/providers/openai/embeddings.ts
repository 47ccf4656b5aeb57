/** Embeddings as clients of OpenAI's API ask for them and get them. Source: OpenAI API reference, create embeddings. */
import { GatewayError } from '../../lib/errors.ts';
import type { JsonObject, JsonValue } from '../conversation.ts';
import type { Unsupported } from '../dialect.ts';
import { isJsonObject, isText, numberOf } from '../json.ts';
import { asObject, invalidField, numberField, required, stringField } from '../request-fields.ts';

/** One text, with what Google's models want to know of it. */
export interface EmbeddingInput {
  readonly text: string;
  readonly taskType?: string;
  readonly title?: string;
}

export interface EmbeddingRequest {
  /** At least one. */
  readonly inputs: readonly EmbeddingInput[];
  readonly dimensions?: number;
  /** Fields that the API does not have. */
  readonly extra: JsonObject;
}

const KNOWN = new Set(['model', 'input', 'dimensions', 'encoding_format', 'user', 'task_type', 'taskType', 'title']);

/** Reads a request. Errors: GatewayError `invalid_input`; tokens can be given to nobody but the model that they are of. */
export function readEmbeddingRequest(body: JsonObject, unsupported: Unsupported): EmbeddingRequest {
  encodingOf(body);
  const dimensions = numberField(body, 'dimensions', '');
  if (stringField(body, 'user', '') !== undefined) unsupported.add('user');
  const shared = aboutOf(body, '');
  const inputs = readInputs(body).map((input) => ({ ...shared, ...input }));
  if (inputs.length === 0) throw invalidField('input', 'must not be empty');
  const extra = Object.fromEntries(Object.entries(body).filter(([key, value]) => !KNOWN.has(key) && value !== null));
  return { inputs, ...(dimensions !== undefined && { dimensions }), extra };
}

function readInputs(body: JsonObject): EmbeddingInput[] {
  const input = required(body.input ?? undefined, 'input', '');
  if (isText(input)) return [{ text: input }];
  if (isJsonObject(input)) return [readInput(input, 'input')];
  if (!Array.isArray(input)) throw invalidField('input', 'must be a string or an array');
  return input.map((item: JsonValue, i) => readInput(item, `input[${i}]`));
}

function readInput(item: JsonValue, at: string): EmbeddingInput {
  if (isText(item)) return { text: item };
  if (numberOf(item) !== undefined || Array.isArray(item)) {
    throw invalidField('input', 'must be text: the provider of this model does not take tokens');
  }
  const object = asObject(item, at);
  const text = stringField(object, 'content', at) ?? stringField(object, 'text', at);
  return { text: required(text, 'content', at), ...aboutOf(object, at) };
}

function aboutOf(holder: JsonObject, at: string): { taskType?: string; title?: string } {
  const taskType = stringField(holder, 'task_type', at) ?? stringField(holder, 'taskType', at);
  const title = stringField(holder, 'title', at);
  return { ...(taskType !== undefined && { taskType }), ...(title !== undefined && { title }) };
}

function encodingOf(body: JsonObject): 'float' | 'base64' {
  const format = stringField(body, 'encoding_format', '') ?? 'float';
  if (format === 'float' || format === 'base64') return format;
  throw invalidField('encoding_format', 'must be one of float, base64');
}

/** The one text of a request. Errors: GatewayError `invalid_input` for a model that takes one at a time. */
export function onlyInput({ inputs }: EmbeddingRequest): EmbeddingInput {
  const [first] = inputs;
  if (first === undefined || inputs.length > 1) {
    throw invalidField('input', 'must be one text: this model takes one in a request');
  }
  return first;
}

/** Reports fields of a request that a model has no word for, but for those of `known`. */
export function reportExtra({ extra }: EmbeddingRequest, known: readonly string[], unsupported: Unsupported): void {
  for (const key in extra) if (!known.includes(key)) unsupported.add(key);
}

/** The answer. Shape: `vectors` in the order of the inputs. Errors: GatewayError `provider_failed` for what is no vector. */
export function writeEmbeddings(
  vectors: readonly (JsonValue | undefined)[],
  tokens: number,
  { model, request }: { readonly model: string; readonly request: JsonObject },
): JsonObject {
  const encoding = encodingOf(request);
  const data = vectors.map((vector, index) => {
    if (!isVector(vector)) throw new GatewayError('provider_failed', 'the provider answered without an embedding');
    return { object: 'embedding', index, embedding: encoding === 'float' ? vector : toBase64(vector) };
  });
  return { object: 'list', data, model, usage: { prompt_tokens: tokens, total_tokens: tokens } };
}

function isVector(value: JsonValue | undefined): value is readonly number[] {
  return Array.isArray(value) && value.length > 0 && value.every((one) => typeof one === 'number');
}

/** As OpenAI's clients ask for by themselves: 32-bit floats, the lowest byte first. */
function toBase64(vector: readonly number[]): string {
  const bytes = Buffer.allocUnsafe(vector.length * 4);
  for (const [index, value] of vector.entries()) bytes.writeFloatLE(value, index * 4);
  return bytes.toString('base64');
}
