/**
 * Masks what is secret in a message, for whatever shows messages to people: the fields that the Envoy API marks as
 * sensitive, in every message, list, map and Any. Source: MessageUtil::redact of Envoy, which its own dumps go through.
 */
import { hasMessage } from './descriptors.ts';
import { type FieldPlan, planOf } from './registry.ts';
import { SchemaError } from './schema-error.ts';
import { ANY, mayHoldSecrets, nameIn, TYPED_STRUCTS } from './secret-reach.ts';
import { SENSITIVE } from './sensitive.gen.ts';
import { encodeMessage, hasOwnJson } from './to-message.ts';

type Json = Readonly<Record<string, unknown>>;

const MASKED_TEXT = '[redacted]';
const MASKED_BYTES = Buffer.from(MASKED_TEXT).toString('base64');

/**
 * ProtoJSON (with proto field names) of a message without what is secret in it; the same object when nothing is.
 * `onSecret` gets each text that is masked.
 */
export function maskSecrets<T>(typeName: string, json: T, onSecret: (text: string) => void = () => undefined): T {
  return maskMessage(typeName, json, onSecret) as T;
}

type OnSecret = (text: string) => void;

function maskMessage(typeName: string, json: unknown, onSecret: OnSecret): unknown {
  if (!isObject(json) || !mayHoldSecrets(typeName)) return json;
  if (typeName === ANY) return maskAny(json, onSecret);
  if (TYPED_STRUCTS.includes(typeName)) return maskTypedStruct(json, onSecret);
  const plan = planOf(typeName);
  return mapEntries(json, (value, name) => {
    const field = plan.fields.get(name);
    if (field === undefined) return value;
    if (SENSITIVE[typeName]?.includes(name)) return mapItems(field, value, (item) => hide(field, item, onSecret));
    const { value: kind } = field;
    return kind.kind === 'message'
      ? mapItems(field, value, (item) => maskMessage(kind.typeName, item, onSecret))
      : value;
  });
}

function maskAny(json: Json, onSecret: OnSecret): unknown {
  const typeName = nameOf(json['@type']);
  if (hasMessage(typeName)) {
    return hasOwnJson(typeName)
      ? mapEntries(json, (value, name) => (name === 'value' ? maskMessage(typeName, value, onSecret) : value))
      : maskMessage(typeName, json, onSecret);
  }
  // What cannot be read cannot be masked: nothing of it is shown.
  return mapEntries(json, (value, name) => {
    if (name !== 'value') return value;
    if (typeof value === 'string') onSecret(value);
    return MASKED_BYTES;
  });
}

/** Its struct is the JSON of the message that it names, and may be spelled in ways that are not known here. */
function maskTypedStruct(json: Json, onSecret: OnSecret): unknown {
  const typeName = nameOf(json.type_url);
  if (!hasMessage(typeName)) return json;
  try {
    encodeMessage(typeName, json.value);
  } catch (caught) {
    if (!(caught instanceof SchemaError)) throw caught;
    onSecret(JSON.stringify(json.value));
    return mapEntries(json, (value, name) => (name === 'value' ? undefined : value));
  }
  return mapEntries(json, (value, name) => (name === 'value' ? maskMessage(typeName, value, onSecret) : value));
}

/** As Envoy's redaction: texts and bytes are replaced, everything else that has a value gets its default. */
function hide({ value: plan }: FieldPlan, value: unknown, onSecret: OnSecret): unknown {
  if (plan.kind === 'message') return hideMessage(plan.typeName, value, onSecret);
  if (plan.kind !== 'scalar' || typeof value !== 'string' || (plan.type !== 'string' && plan.type !== 'bytes'))
    return undefined;
  onSecret(plan.type === 'bytes' ? Buffer.from(value, 'base64').toString() : value);
  return plan.type === 'bytes' ? MASKED_BYTES : MASKED_TEXT;
}

function hideMessage(typeName: string, json: unknown, onSecret: OnSecret): unknown {
  if (typeName === ANY && isObject(json)) {
    const inner = nameOf(json['@type']);
    if (!hasMessage(inner) || hasOwnJson(inner)) return { '@type': json['@type'] };
    return { '@type': json['@type'], ...(hideMessage(inner, json, onSecret) as Json) };
  }
  if (hasOwnJson(typeName) || !isObject(json)) return undefined;
  const { fields } = planOf(typeName);
  return mapEntries(json, (value, name) => {
    const field = fields.get(name);
    return field && mapItems(field, value, (item) => hide(field, item, onSecret));
  });
}

function mapItems({ shape }: FieldPlan, value: unknown, map: (item: unknown) => unknown): unknown {
  if (shape === 'single') return map(value);
  if (shape === 'map') return isObject(value) ? mapEntries(value, map) : value;
  if (!Array.isArray(value)) return value;
  const mapped = value.map(map);
  return mapped.every((item, index) => item === value[index]) ? value : mapped.filter((item) => item !== undefined);
}

/** What has become undefined goes; the same object when nothing has changed. */
function mapEntries(json: Json, map: (value: unknown, name: string) => unknown): Json {
  let changed = false;
  const entries = Object.entries(json).flatMap(([name, value]) => {
    const mapped = map(value, name);
    changed ||= mapped !== value;
    return mapped === undefined ? [] : [[name, mapped] as const];
  });
  return changed ? Object.fromEntries(entries) : json;
}

function nameOf(typeUrl: unknown): string {
  return typeof typeUrl === 'string' ? nameIn(typeUrl) : '';
}

function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
