/** Cuts a descriptor set down to the closure of some seeds, without the options and comments no codec needs. */
import { clone, create, isFieldSet } from '@bufbuild/protobuf';
import {
  type DescriptorProto,
  type EnumDescriptorProto,
  type FieldDescriptorProto,
  FieldOptionsSchema,
  type FileDescriptorProto,
  FileDescriptorProtoSchema,
} from '@bufbuild/protobuf/wkt';

interface Definition {
  readonly file: FileDescriptorProto;
  /** Other definitions this one cannot do without. */
  readonly needs: readonly string[];
}

/** The full names (without a leading dot) of everything reachable from the seeds. */
export function closureOf(files: readonly FileDescriptorProto[], seeds: readonly string[]): Set<string> {
  const definitions = indexDefinitions(files);
  const reached = new Set<string>();
  const visit = (name: string): void => {
    if (reached.has(name)) return;
    const definition = definitions.get(name);
    if (definition === undefined) throw new Error(`${name} is not defined by any descriptor`);
    reached.add(name);
    for (const need of definition.needs) visit(need);
  };
  for (const seed of seeds) for (const name of expandSeed(definitions, seed)) visit(name);
  return reached;
}

/** The files with only what `reached` names. The input stays as it is. */
export function pruneFiles(files: readonly FileDescriptorProto[], reached: ReadonlySet<string>): FileDescriptorProto[] {
  const pruned = files.map((file) => pruneFile(file, reached)).filter((file) => !isEmpty(file));
  const kept = new Set(pruned.map((file) => file.name));
  for (const file of pruned) file.dependency = file.dependency.filter((name) => kept.has(name));
  return pruned;
}

function expandSeed(definitions: ReadonlyMap<string, Definition>, seed: string): string[] {
  if (!seed.endsWith('.*')) return [seed];
  const prefix = seed.slice(0, -1);
  const names = [...definitions.keys()].filter((name) => name.startsWith(prefix) && !/\.dynamic_modules\./.test(name));
  if (names.length === 0) throw new Error(`the seed ${seed} names nothing`);
  return names;
}

function indexDefinitions(files: readonly FileDescriptorProto[]): Map<string, Definition> {
  const out = new Map<string, Definition>();
  const addMessage = (message: DescriptorProto, scope: string, file: FileDescriptorProto, parent?: string): void => {
    const name = `${scope}.${message.name}`;
    const fieldTypes = message.field.filter((f) => f.typeName !== '').map((f) => f.typeName.slice(1));
    // A nested message cannot be declared without its parent.
    out.set(name, { file, needs: parent === undefined ? fieldTypes : [...fieldTypes, parent] });
    for (const nested of message.nestedType) addMessage(nested, name, file, name);
    for (const nested of message.enumType) out.set(`${name}.${nested.name}`, { file, needs: [name] });
  };
  for (const file of files) {
    for (const message of file.messageType) addMessage(message, file.package, file);
    for (const declared of file.enumType) out.set(`${file.package}.${declared.name}`, { file, needs: [] });
    for (const service of file.service) {
      const needs = service.method.flatMap((m) => [m.inputType.slice(1), m.outputType.slice(1)]);
      out.set(`${file.package}.${service.name}`, { file, needs });
    }
  }
  return out;
}

function pruneFile(source: FileDescriptorProto, reached: ReadonlySet<string>): FileDescriptorProto {
  const file = clone(FileDescriptorProtoSchema, source);
  delete file.options;
  delete file.sourceCodeInfo;
  file.publicDependency = [];
  file.weakDependency = [];
  file.extension = [];
  file.messageType = file.messageType.filter((m) => reached.has(`${file.package}.${m.name}`));
  file.enumType = file.enumType.filter((e) => reached.has(`${file.package}.${e.name}`));
  file.service = file.service.filter((s) => reached.has(`${file.package}.${s.name}`));
  for (const message of file.messageType) stripMessage(message, `${file.package}.${message.name}`, reached);
  for (const declared of file.enumType) stripEnum(declared);
  for (const service of file.service) {
    delete service.options;
    for (const method of service.method) delete method.options;
  }
  return file;
}

function stripMessage(message: DescriptorProto, name: string, reached: ReadonlySet<string>): void {
  if (message.options?.mapEntry !== true) delete message.options;
  message.extension = [];
  message.reservedName = [];
  message.reservedRange = [];
  message.nestedType = message.nestedType.filter((m) => reached.has(`${name}.${m.name}`));
  message.enumType = message.enumType.filter((e) => reached.has(`${name}.${e.name}`));
  for (const field of message.field) stripField(field);
  for (const oneof of message.oneofDecl) delete oneof.options;
  for (const nested of message.nestedType) stripMessage(nested, `${name}.${nested.name}`, reached);
  for (const declared of message.enumType) stripEnum(declared);
}

function stripField(field: FieldDescriptorProto): void {
  field.jsonName = '';
  const options = field.options;
  delete field.options;
  // Whether a repeated number is packed changes the bytes, so this one option stays where it is written out.
  if (options !== undefined && isFieldSet(options, FieldOptionsSchema.field.packed)) {
    field.options = create(FieldOptionsSchema, { packed: options.packed });
  }
}

function stripEnum(declared: EnumDescriptorProto): void {
  delete declared.options;
  declared.reservedName = [];
  declared.reservedRange = [];
  for (const value of declared.value) delete value.options;
}

function isEmpty(file: FileDescriptorProto): boolean {
  return file.messageType.length + file.enumType.length + file.service.length === 0;
}
