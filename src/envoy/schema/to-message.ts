/** ProtoJSON (with proto field names) to the objects protobufjs encodes. */
import { compareText } from '../../lib/compare.ts';
import { hasMessage } from './descriptors.ts';
import { type FieldPlan, type MessagePlan, planOf, type ValuePlan } from './registry.ts';
import { expected, isUnicode, readScalar } from './scalars.ts';
import { formatPath, type PathSegment, SchemaError } from './schema-error.ts';
import { parseDuration, parseFieldMask, parseTimestamp } from './well-known.ts';

type Path = PathSegment[];
type Plain = Record<string, unknown>;

/** Deeper than any configuration, and below what exhausts the stack. */
const MAX_PATH = 256;

/**
 * Encodes ProtoJSON with proto field names. Map keys are sorted, so equal values give equal bytes.
 * Errors: SchemaError naming the path of an unknown field, a wrong type or two fields of one oneof.
 */
export function encodeMessage(typeName: string, json: unknown): Uint8Array {
  if (!hasMessage(typeName)) throw new SchemaError('', `unknown message type ${typeName}`);
  return encodeAt(typeName, json, []);
}

/** Encodes a value with an `@type` into the two parts of an Any. */
export function encodeAny(any: unknown): { typeUrl: string; value: Uint8Array } {
  const { type_url, value } = anyToMessage(any, []);
  return { typeUrl: type_url, value };
}

function encodeAt(typeName: string, json: unknown, path: Path): Uint8Array {
  const message = messageValue(typeName, json, path);
  try {
    return planOf(typeName)
      .type.encode(message as Plain)
      .finish();
  } catch (error) {
    if (error instanceof Error && error.message === 'max depth exceeded') fail(path, 'nested too deeply');
    throw error;
  }
}

function fail(path: Path, reason: string): never {
  throw new SchemaError(formatPath(path), reason);
}

function messageValue(typeName: string, json: unknown, path: Path): unknown {
  if (path.length > MAX_PATH) fail(path.slice(0, 8), 'nested too deeply');
  if (hasOwnJson(typeName)) return wellKnownValue(typeName.slice('google.protobuf.'.length), json, path);
  return plainMessage(planOf(typeName), asObject(json, path), path);
}

function asObject(json: unknown, path: Path): Readonly<Plain> {
  if (typeof json !== 'object' || json === null || Array.isArray(json)) fail(path, expected('an object', json).problem);
  return json as Plain;
}

function plainMessage(plan: MessagePlan, json: Readonly<Plain>, path: Path, skip?: string): Plain {
  const out: Plain = {};
  let oneofs: Map<string, string> | undefined;
  for (const key of Object.keys(json)) {
    const value = json[key];
    if (key === skip || value === undefined) continue;
    const field = plan.fields.get(key);
    if (field === undefined) unknownField(plan, key, path);
    if (value === null && !takesNull(field)) continue;
    path.push(key);
    if (field.oneof !== undefined) {
      const other = oneofs?.get(field.oneof);
      if (other !== undefined) fail(path, `cannot be set together with ${other}`);
      oneofs ??= new Map();
      oneofs.set(field.oneof, key);
    }
    out[key] = fieldValue(field, value, path);
    path.pop();
  }
  return out;
}

function unknownField(plan: MessagePlan, key: string, path: Path): never {
  const snake = key.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
  const hint = snake !== key && plan.fields.has(snake) ? `, did you mean ${snake}?` : '';
  fail([...path, key], `unknown field of ${plan.typeName}${hint}`);
}

/** JSON null means absent, except where null is itself a value. */
function takesNull(field: FieldPlan): boolean {
  const { shape, value } = field;
  if (value.kind === 'null') return true;
  return shape === 'single' && value.kind === 'message' && value.typeName === 'google.protobuf.Value';
}

function fieldValue(field: FieldPlan, json: unknown, path: Path): unknown {
  if (field.shape === 'single') return singleValue(field.value, json, path);
  if (field.shape === 'list') {
    if (!Array.isArray(json)) fail(path, expected('a list', json).problem);
    return json.map((item, index) => at(path, index, () => singleValue(field.value, item, path)));
  }
  const object = asObject(json, path);
  if (field.hasLongKeys) for (const key of Object.keys(object)) checkLongKey(key, path);
  return mapValue(object, path, (item) => singleValue(field.value, item, path));
}

function checkLongKey(key: string, path: Path): void {
  const result = readScalar('int64', key);
  if ('problem' in result) fail([...path, key], `the key: ${result.problem}`);
}

/** Sorted, and without a prototype so that `__proto__` is a key like any other. */
function mapValue(json: Readonly<Plain>, path: Path, convert: (item: unknown) => unknown): Plain {
  const out: Plain = Object.create(null);
  for (const key of Object.keys(json).sort(compareText)) {
    if (json[key] === undefined) continue;
    if (!isUnicode(key)) fail(path, 'a key is not valid Unicode');
    out[key] = at(path, key, () => convert(json[key]));
  }
  return out;
}

/** Runs a conversion one step deeper; the path is left deep only by an error, which has copied it. */
function at<T>(path: Path, segment: PathSegment, convert: () => T): T {
  path.push(segment);
  const result = convert();
  path.pop();
  return result;
}

function singleValue(plan: ValuePlan, json: unknown, path: Path): unknown {
  if (plan.kind === 'message') return messageValue(plan.typeName, json, path);
  if (plan.kind === 'enum') return enumValue(plan.values, json, path);
  if (plan.kind === 'null') return json === null ? 0 : fail(path, expected('null', json).problem);
  const result = readScalar(plan.type, json);
  if ('problem' in result) fail(path, result.problem);
  return result.value;
}

function enumValue(values: ReadonlyMap<string, number>, json: unknown, path: Path): number {
  // A number stands for a value of a newer API, which decoding could not name.
  if (typeof json === 'number' && Number.isInteger(json)) return json;
  const value = typeof json === 'string' ? values.get(json) : undefined;
  if (value === undefined) fail(path, `expected one of ${[...values.keys()].join(', ')}`);
  return value;
}

function wellKnownValue(name: string, json: unknown, path: Path): unknown {
  switch (name) {
    case 'Any':
      return anyToMessage(json, path);
    case 'Struct':
      return { fields: mapValue(asObject(json, path), path, (item) => structValue(item, path)) };
    case 'Value':
      return structValue(json, path);
    case 'ListValue':
      if (!Array.isArray(json)) fail(path, expected('a list', json).problem);
      return { values: json.map((item, index) => at(path, index, () => structValue(item, path))) };
    case 'Duration':
      return fromText(json, path, parseDuration, 'a duration such as 1.5s');
    case 'Timestamp':
      return fromText(json, path, parseTimestamp, 'a timestamp such as 2026-01-02T03:04:05Z');
    case 'FieldMask':
      return fromText(json, path, parseFieldMask, 'a field mask');
    default:
      return wrapperValue(name, json, path);
  }
}

function wrapperValue(name: string, json: unknown, path: Path): unknown {
  const field = planOf(`google.protobuf.${name}`).fields.get('value');
  return field === undefined ? undefined : { value: singleValue(field.value, json, path) };
}

function fromText<T>(json: unknown, path: Path, parse: (text: string) => T | undefined, what: string): T {
  if (typeof json !== 'string') fail(path, expected(what, json).problem);
  const parsed = parse(json);
  if (parsed === undefined) fail(path, `expected ${what}`);
  return parsed;
}

function structValue(json: unknown, path: Path): Plain {
  if (path.length > MAX_PATH) fail(path.slice(0, 8), 'nested too deeply');
  if (json === null) return { null_value: 0 };
  if (Array.isArray(json)) return { list_value: wellKnownValue('ListValue', json, path) };
  switch (typeof json) {
    case 'boolean':
      return { bool_value: json };
    case 'string':
      if (!isUnicode(json)) fail(path, 'the string is not valid Unicode');
      return { string_value: json };
    case 'number':
      if (!Number.isFinite(json)) fail(path, 'expected a finite number');
      return { number_value: json };
    case 'object':
      return { struct_value: wellKnownValue('Struct', json, path) };
    default:
      return fail(path, expected('a JSON value', json).problem);
  }
}

function anyToMessage(json: unknown, path: Path): { type_url: string; value: Uint8Array } {
  const object = asObject(json, path);
  const typeUrl = object['@type'];
  if (typeof typeUrl !== 'string') fail(path, 'an Any needs an @type');
  const typeName = typeUrl.slice(typeUrl.lastIndexOf('/') + 1);
  if (!hasMessage(typeName)) return unknownAny(typeUrl, object, path);
  if (!typeUrl.includes('/')) fail([...path, '@type'], `expected a type URL: type.googleapis.com/${typeName}`);
  if (hasOwnJson(typeName)) {
    const extra = Object.keys(object).find((key) => key !== '@type' && key !== 'value');
    if (extra !== undefined) fail([...path, extra], `unknown field; a ${typeName} in an Any has its JSON in "value"`);
    return { type_url: typeUrl, value: at(path, 'value', () => encodeAt(typeName, object.value, path)) };
  }
  const plan = planOf(typeName);
  const message = plainMessage(plan, object, path, '@type');
  return { type_url: typeUrl, value: plan.type.encode(message).finish() };
}

/** A type this release does not know passes through as bytes, the way decoding gave it; anything else is a mistake. */
function unknownAny(typeUrl: string, object: Readonly<Plain>, path: Path): { type_url: string; value: Uint8Array } {
  const keys = Object.keys(object);
  const bytes = keys.length === 2 ? readScalar('bytes', object.value) : { problem: '' };
  if (typeUrl === '' && keys.length === 1) return { type_url: '', value: new Uint8Array() };
  if ('problem' in bytes) fail([...path, '@type'], `unknown message type ${typeUrl}`);
  return { type_url: typeUrl, value: bytes.value as Uint8Array };
}

const WRAPPERS = ['Bool', 'Bytes', 'Double', 'Float', 'Int32', 'Int64', 'String', 'UInt32', 'UInt64'];
const OWN_JSON = new Set(
  [
    'Any',
    'Struct',
    'Value',
    'ListValue',
    'Duration',
    'Timestamp',
    'FieldMask',
    ...WRAPPERS.map((name) => `${name}Value`),
  ].map((name) => `google.protobuf.${name}`),
);

/** Whether the JSON of this type is not an object of its fields; inside an Any it then sits under "value". */
export function hasOwnJson(typeName: string): boolean {
  return OWN_JSON.has(typeName);
}
