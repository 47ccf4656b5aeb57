/** Flattens the protoc-gen-validate options of a closure to JSON, the form checkConstraints reads. */
import {
  create,
  createFileRegistry,
  type DescExtension,
  type DescMessage,
  getExtension,
  hasExtension,
  type JsonObject,
  type JsonValue,
  toJson,
} from '@bufbuild/protobuf';
import { type FileDescriptorProto, FileDescriptorSetSchema } from '@bufbuild/protobuf/wkt';

/** Rules of one message: by field name, and the oneofs of which one field must be set, each as its field names. */
interface MessageRules {
  fields?: Record<string, JsonValue>;
  oneofs?: Record<string, string[]>;
}

/** Rules by message name, keys sorted, field names and rule names in their proto spelling. */
export function flattenConstraints(
  files: readonly FileDescriptorProto[],
  reached: ReadonlySet<string>,
): Record<string, MessageRules> {
  const registry = createFileRegistry(create(FileDescriptorSetSchema, { file: [...files] }));
  const extension = (name: string): DescExtension => {
    const found = registry.getExtension(name);
    if (found === undefined) throw new Error(`no extension ${name}`);
    return found;
  };
  const known = {
    rules: extension('validate.rules'),
    required: extension('validate.required'),
    disabled: extension('validate.disabled'),
    ignored: extension('validate.ignored'),
  };
  const out: Record<string, MessageRules> = {};
  for (const name of [...reached].sort()) {
    const message = registry.getMessage(name);
    const rules = message === undefined ? {} : rulesOf(message, known);
    if (Object.keys(rules).length > 0) out[name] = rules;
  }
  return out;

  function rulesOf(message: DescMessage, ext: typeof known): MessageRules {
    const options = message.proto.options;
    if (options !== undefined && (getExtension(options, ext.disabled) || getExtension(options, ext.ignored))) return {};
    const fields: Record<string, JsonValue> = {};
    for (const field of message.fields) {
      const fieldOptions = field.proto.options;
      if (fieldOptions === undefined || !hasExtension(fieldOptions, ext.rules) || ext.rules.message === undefined)
        continue;
      const value = getExtension(fieldOptions, ext.rules);
      fields[field.name] = toJson(ext.rules.message, value as never, { useProtoFieldName: true, registry });
    }
    const oneofs: Record<string, string[]> = {};
    for (const oneof of message.oneofs) {
      const set = oneof.proto.options;
      if (set !== undefined && getExtension(set, ext.required)) oneofs[oneof.name] = oneof.fields.map((f) => f.name);
    }
    const sorted = sortKeys(fields) as JsonObject;
    return {
      ...(Object.keys(sorted).length > 0 ? { fields: sorted } : {}),
      ...(Object.keys(oneofs).length > 0 ? { oneofs } : {}),
    };
  }
}

function sortKeys(value: JsonValue): JsonValue {
  if (Array.isArray(value)) return value.map(sortKeys);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, item]) => [key, sortKeys(item)]),
  );
}
