/** What protobufjs decoded to ProtoJSON with proto field names. */
import protobuf from 'protobufjs/light.js';
import { hasMessage } from './descriptors.ts';
import { type FieldPlan, type MessagePlan, planOf, type ValuePlan } from './registry.ts';
import { isDefaultScalar, printScalar } from './scalars.ts';
import { SchemaError } from './schema-error.ts';
import { hasOwnJson } from './to-message.ts';
import { printDuration, printFieldMask, printTimestamp } from './well-known.ts';

type Plain = Readonly<Record<string, unknown>>;

/**
 * Decodes bytes to ProtoJSON with proto field names, defaults left out. An Any of a known type is expanded; of an
 * unknown one it is `{'@type', value}` with the value in base64. Unknown fields are dropped.
 * Errors: SchemaError for an unknown type or broken bytes.
 */
export function decodeMessage(typeName: string, bytes: Uint8Array): unknown {
  if (!hasMessage(typeName)) throw new SchemaError('', `unknown message type ${typeName}`);
  return printMessage(typeName, decodeRaw(typeName, bytes));
}

/** Decodes to the object protobufjs gives, Any fields being left as bytes. */
export function decodeRaw(typeName: string, bytes: Uint8Array): Plain {
  try {
    return planOf(typeName).type.decode(bytes) as unknown as Plain;
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new SchemaError('', `not the bytes of a ${typeName}: ${reason}`);
  }
}

function printMessage(typeName: string, message: Plain): unknown {
  if (hasOwnJson(typeName)) return printWellKnown(typeName.slice('google.protobuf.'.length), message);
  return printPlain(planOf(typeName), message);
}

function printPlain(plan: MessagePlan, message: Plain): Record<string, unknown> {
  const out: Record<string, unknown> = {};
  for (const field of plan.fields.values()) {
    // Absent fields show their default through the prototype.
    if (!Object.hasOwn(message, field.name)) continue;
    const value = message[field.name];
    if (value === undefined || value === null || isDefault(field, value)) continue;
    out[field.name] = printField(field, value);
  }
  return out;
}

function isDefault(field: FieldPlan, value: unknown): boolean {
  if (field.shape === 'list') return (value as readonly unknown[]).length === 0;
  if (field.shape === 'map') return Object.keys(value as object).length === 0;
  return !field.hasPresence && field.value.kind !== 'message' && isDefaultScalar(value);
}

function printField(field: FieldPlan, value: unknown): unknown {
  if (field.shape === 'single') return printValue(field.value, value);
  if (field.shape === 'list') return (value as readonly unknown[]).map((item) => printValue(field.value, item));
  const printKey = field.hasLongKeys ? longKey : undefined;
  return printMap(value as Plain, (item) => printValue(field.value, item), printKey);
}

/** fromEntries, since it makes `__proto__` a key like any other. */
function printMap(
  map: Plain,
  print: (item: unknown) => unknown,
  printKey: (key: string) => string = (key) => key,
): Record<string, unknown> {
  return Object.fromEntries(Object.keys(map).map((key) => [printKey(key), print(map[key])]));
}

function longKey(hash: string): string {
  return String(printScalar('int64', protobuf.util.longFromHash(hash, false)));
}

function printValue(plan: ValuePlan, value: unknown): unknown {
  if (plan.kind === 'message') return printMessage(plan.typeName, value as Plain);
  if (plan.kind === 'enum') return plan.names.get(value as number) ?? value;
  return plan.kind === 'null' ? null : printScalar(plan.type, value);
}

function printWellKnown(name: string, message: Plain): unknown {
  switch (name) {
    case 'Any':
      return printAny(message.type_url as string, message.value as Uint8Array);
    case 'Struct':
      return printMap(message.fields as Plain, (item) => printStructValue(item as Plain));
    case 'Value':
      return printStructValue(message);
    case 'ListValue':
      return (message.values as readonly Plain[]).map(printStructValue);
    case 'Duration':
      return printDuration(secondsNanos(message));
    case 'Timestamp':
      return printTimestamp(secondsNanos(message));
    case 'FieldMask':
      return printFieldMask(message.paths as readonly string[]);
    default:
      return printWrapper(name, message);
  }
}

function secondsNanos(message: Plain): { seconds: number; nanos: number } {
  return { seconds: Number(printScalar('int64', message.seconds)), nanos: message.nanos as number };
}

function printWrapper(name: string, message: Plain): unknown {
  const field = planOf(`google.protobuf.${name}`).fields.get('value');
  return field === undefined ? undefined : printValue(field.value, message.value);
}

function printStructValue(value: Plain): unknown {
  if (Object.hasOwn(value, 'string_value')) return value.string_value;
  if (Object.hasOwn(value, 'number_value')) return printScalar('double', value.number_value);
  if (Object.hasOwn(value, 'bool_value')) return value.bool_value;
  if (Object.hasOwn(value, 'struct_value')) return printWellKnown('Struct', value.struct_value as Plain);
  if (Object.hasOwn(value, 'list_value')) return printWellKnown('ListValue', value.list_value as Plain);
  return null;
}

/** An Any of which the type and the bytes are at hand. */
export function printAny(typeUrl: string, bytes: Uint8Array): Record<string, unknown> & { '@type': string } {
  const typeName = typeUrl.slice(typeUrl.lastIndexOf('/') + 1);
  if (typeUrl === '' && bytes.length === 0) return { '@type': '' };
  if (!hasMessage(typeName)) return { '@type': typeUrl, value: printScalar('bytes', bytes) };
  const decoded = decodeMessage(typeName, bytes);
  return hasOwnJson(typeName)
    ? { '@type': typeUrl, value: decoded }
    : { '@type': typeUrl, ...(decoded as Record<string, unknown>) };
}
