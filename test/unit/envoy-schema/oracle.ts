/** A second implementation of protobuf (@bufbuild/protobuf over the full descriptor set) and a maker of sample messages. */
import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import {
  createFileRegistry,
  type DescField,
  type DescMessage,
  type FileRegistry,
  fromBinary,
  fromJson,
  type JsonValue,
  ScalarType,
  toBinary,
  toJson,
} from '@bufbuild/protobuf';
import { FileDescriptorSetSchema } from '@bufbuild/protobuf/wkt';

const PROTOS = new URL('../../../protos/', import.meta.url);

export const registry: FileRegistry = createFileRegistry(
  fromBinary(FileDescriptorSetSchema, gunzipSync(readFileSync(new URL('envoy-v3.binpb.gz', PROTOS)))),
);

export function describeMessage(typeName: string): DescMessage {
  const found = registry.getMessage(typeName);
  if (found === undefined) throw new Error(`the full set lacks ${typeName}`);
  return found;
}

/** Maps are written in the order of the JSON, so the caller sorts their keys. */
export function oracleEncode(typeName: string, json: unknown): Uint8Array {
  const message = describeMessage(typeName);
  return toBinary(message, fromJson(message, json as JsonValue, { registry }));
}

export function oracleDecode(typeName: string, bytes: Uint8Array): JsonValue {
  const message = describeMessage(typeName);
  return toJson(message, fromBinary(message, bytes), { registry, useProtoFieldName: true });
}

/** A message with every field set, of each oneof the member `variant` picks; nested as deep as `depth`. */
export function sample(message: DescMessage, variant: number, depth: number): JsonValue {
  const special = SPECIAL[message.typeName];
  if (special !== undefined) return special;
  const out: Record<string, JsonValue> = {};
  const chosen = new Set(message.oneofs.map((oneof) => oneof.fields[variant % oneof.fields.length]));
  for (const field of message.fields) {
    if (field.oneof !== undefined && !chosen.has(field)) continue;
    const value = sampleField(field, variant, depth);
    if (value !== undefined) out[field.name] = value;
  }
  return out;
}

const SPECIAL: Readonly<Record<string, JsonValue>> = {
  'google.protobuf.Any': {
    '@type': 'type.googleapis.com/envoy.config.core.v3.Metadata',
    filter_metadata: { a: { x: [1, null, { y: 'z' }] }, b: {} },
  },
  'google.protobuf.Duration': '-3.000000250s',
  'google.protobuf.FieldMask': 'one,twoThree.four',
  'google.protobuf.ListValue': [null, true, 1.5, 'é😀', [], {}],
  'google.protobuf.Struct': { a: { b: [1e300, -1, 'x'] }, z: null },
  'google.protobuf.Timestamp': '2026-01-02T03:04:05.678Z',
  'google.protobuf.Value': { v: [false] },
  'google.protobuf.BoolValue': true,
  'google.protobuf.BytesValue': '//8=',
  'google.protobuf.DoubleValue': 0.1,
  'google.protobuf.FloatValue': 0.5,
  'google.protobuf.Int32Value': -7,
  'google.protobuf.Int64Value': '-9223372036854775808',
  'google.protobuf.StringValue': 'wrapped',
  'google.protobuf.UInt32Value': 4294967295,
  'google.protobuf.UInt64Value': '18446744073709551615',
};

function sampleField(field: DescField, variant: number, depth: number): JsonValue | undefined {
  const value = sampleValue(field, variant, depth);
  if (value === undefined) return undefined;
  if (field.fieldKind === 'list') return [value, value];
  if (field.fieldKind !== 'map') return value;
  if (field.mapKey === ScalarType.STRING) return { a: value, b: value };
  return field.mapKey === ScalarType.BOOL ? { false: value, true: value } : { 1: value, 20: value };
}

function sampleValue(field: DescField, variant: number, depth: number): JsonValue | undefined {
  if (field.message !== undefined) {
    // In a chain of messages a wrapper or a Struct may still end it.
    const special = SPECIAL[field.message.typeName];
    if (special !== undefined) return special;
    return depth > 0 ? sample(field.message, variant, depth - 1) : undefined;
  }
  if (field.enum !== undefined) {
    if (field.enum.typeName === 'google.protobuf.NullValue') return null;
    return field.enum.values.at(variant % field.enum.values.length)?.name;
  }
  return sampleScalar(field.scalar);
}

function sampleScalar(scalar: ScalarType | undefined): JsonValue {
  switch (scalar) {
    case ScalarType.STRING:
      return 'text ü';
    case ScalarType.BOOL:
      return true;
    case ScalarType.BYTES:
      return 'AAEC';
    case ScalarType.DOUBLE:
      return -2.75e-9;
    case ScalarType.FLOAT:
      return 'Infinity';
    case ScalarType.INT64:
    case ScalarType.SINT64:
    case ScalarType.SFIXED64:
      return '-9007199254740993';
    case ScalarType.UINT64:
    case ScalarType.FIXED64:
      return '9007199254740993';
    case ScalarType.INT32:
    case ScalarType.SINT32:
    case ScalarType.SFIXED32:
      return -300;
    default:
      return 300;
  }
}
