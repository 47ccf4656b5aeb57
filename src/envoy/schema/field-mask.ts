/** Field masks on ProtoJSON with proto field names. Source: google.protobuf.FieldMask, FieldMaskUtil::TrimMessage. */
import { hasMessage } from './descriptors.ts';
import { planOf } from './registry.ts';
import { hasOwnJson } from './to-message.ts';

type Json = Readonly<Record<string, unknown>>;
interface Tree extends Map<string, Tree> {}

/**
 * Keeps of a message what the paths name, and its `@type`; without a path all of it. Undefined where a path names no
 * field, or leads through a list, a map or an Any.
 */
export function trimMessage(typeName: string, json: Json, paths: readonly string[]): Json | undefined {
  if (!paths.every((path) => isPath(typeName, path.split('.')))) return undefined;
  const tree: Tree = new Map();
  for (const path of paths) addPath(tree, path.split('.'));
  return keep(json, tree);
}

/** A field that is named as a whole stays so, whatever of it other paths name. */
function addPath(tree: Tree, [name = '', ...rest]: readonly string[]): void {
  const found = tree.get(name);
  if (found?.size === 0) return;
  const below: Tree = rest.length > 0 ? (found ?? new Map()) : new Map();
  tree.set(name, below);
  if (rest.length > 0) addPath(below, rest);
}

/** The type of a field's message, and whether the field is a list; undefined for a name that is no field. */
export function fieldOf(
  typeName: string,
  name: string,
): { readonly typeName: string | undefined; readonly isList: boolean } | undefined {
  const field = hasMessage(typeName) ? planOf(typeName).fields.get(name) : undefined;
  return (
    field && {
      typeName: field.value.kind === 'message' ? field.value.typeName : undefined,
      isList: field.shape !== 'single',
    }
  );
}

function isPath(typeName: string, [name = '', ...rest]: readonly string[]): boolean {
  const field = fieldOf(typeName, name);
  if (field === undefined || rest.length === 0) return field !== undefined;
  return !field.isList && field.typeName !== undefined && !hasOwnJson(field.typeName) && isPath(field.typeName, rest);
}

function keep(json: Json, tree: Tree): Json {
  if (tree.size === 0) return json;
  return Object.fromEntries(
    Object.entries(json).flatMap(([name, value]) => {
      if (name === '@type') return [[name, value]];
      const below = tree.get(name);
      return below === undefined ? [] : [[name, below.size === 0 ? value : keep(value as Json, below)]];
    }),
  );
}
