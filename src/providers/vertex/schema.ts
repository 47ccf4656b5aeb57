import { GatewayError } from '../../lib/errors.ts';
import type { JsonObject, JsonValue } from '../conversation.ts';
import { isJsonObject, isText, listOf, numberOf, objectOf, present, textOf } from '../json.ts';

/** Keywords that mean the same in Vertex's Schema and in JSON Schema. */
const KEPT = [
  'title',
  'description',
  'format',
  'pattern',
  'minimum',
  'maximum',
  'minItems',
  'maxItems',
  'minLength',
  'maxLength',
  'minProperties',
  'maxProperties',
  'required',
  'default',
  'nullable',
  'propertyOrdering',
];

/** Bounds what references make of a small schema: twice the same one at each of thirty levels is a billion. */
const MAX_NODES = 10_000;

/**
 * JSON Schema in the vocabulary that Gemini's models before 2.5 take: a subset of OpenAPI 3.0. References are put in
 * place, `null` among the types becomes `nullable`, `const` an enum of one, `oneOf` becomes `anyOf`. Keywords without a
 * word there are left out, as they only narrow what is valid; `leftOut` is told of each. A schema inside of itself
 * becomes an object of any kind.
 * Errors: GatewayError `invalid_input` for a schema that is too large without its references.
 * Source: Vertex AI reference, Schema.
 */
export function toVertexSchema(schema: JsonObject, leftOut: (keyword: string) => void): JsonObject {
  const definitions = { ...objectOf(schema.definitions), ...objectOf(schema.$defs) };
  return convert(schema, { definitions, leftOut, nodes: { left: MAX_NODES }, inside: [] });
}

interface Scope {
  readonly definitions: JsonObject;
  readonly leftOut: (keyword: string) => void;
  readonly nodes: { left: number };
  /** Definitions that this schema is a part of. */
  readonly inside: readonly string[];
}

function convert(schema: JsonObject, outer: Scope): JsonObject {
  outer.nodes.left -= 1;
  if (outer.nodes.left < 0) {
    throw new GatewayError(
      'invalid_input',
      'a schema is too large for the provider once its references are put in place',
    );
  }
  const { schema: resolved, scope } = resolveReference(schema, outer);
  const alternatives = [...listOf(resolved.anyOf), ...listOf(resolved.oneOf)].filter(isJsonObject);
  const isNull = (one: JsonObject) => one.type === 'null';
  const meant = alternatives.filter((one) => !isNull(one));
  const types = typesOf(resolved);
  const nullable = meant.length < alternatives.length || types.includes('null') || resolved.nullable === true;
  const only = meant[0];
  if (meant.length === 1 && only !== undefined && types.length === 0) {
    const rest = Object.fromEntries(Object.entries(resolved).filter(([key]) => key !== 'anyOf' && key !== 'oneOf'));
    return present({ ...convert({ ...rest, ...only }, scope), nullable: nullable || undefined });
  }
  const named = types.filter((type) => type !== 'null').map((type) => type.toUpperCase());
  const kept = present(Object.fromEntries(KEPT.map((key) => [key, resolved[key]])));
  reportLeftOut(resolved, scope);
  return present({
    ...kept,
    type: named.length === 1 ? named[0] : impliedType(resolved, named),
    nullable: nullable || undefined,
    enum: enumOf(resolved),
    anyOf: anyOf(meant, named, scope),
    items: isJsonObject(resolved.items) ? convert(resolved.items, scope) : undefined,
    properties: propertiesOf(resolved, scope),
  });
}

function typesOf({ type }: JsonObject): string[] {
  const one = textOf(type);
  return one === undefined ? listOf(type).filter(isText) : [one];
}

/** Vertex refuses a schema without a type, unless it is made of alternatives. */
function impliedType(schema: JsonObject, named: readonly string[]): string | undefined {
  if (named.length > 1 || schema.anyOf !== undefined || schema.oneOf !== undefined) return undefined;
  if (schema.properties !== undefined) return 'OBJECT';
  if (schema.items !== undefined) return 'ARRAY';
  const value = schema.const ?? listOf(schema.enum)[0];
  if (numberOf(value) !== undefined) return 'NUMBER';
  if (isText(value)) return 'STRING';
  return undefined;
}

/** Vertex's enums are of text, whatever the type. */
function enumOf(schema: JsonObject): JsonValue | undefined {
  const values = schema.const === undefined ? listOf(schema.enum) : [schema.const];
  const texts = values.filter((value) => value !== null).map((value) => textOf(value) ?? JSON.stringify(value));
  return texts.length === 0 ? undefined : texts;
}

function anyOf(meant: readonly JsonObject[], named: readonly string[], scope: Scope): JsonValue | undefined {
  if (meant.length > 0) return meant.map((one) => convert(one, scope));
  return named.length > 1 ? named.map((type) => ({ type })) : undefined;
}

function propertiesOf(schema: JsonObject, scope: Scope): JsonValue | undefined {
  if (!isJsonObject(schema.properties)) return undefined;
  const entries = Object.entries(schema.properties);
  return Object.fromEntries(entries.map(([name, value]) => [name, isJsonObject(value) ? convert(value, scope) : {}]));
}

/** A reference with what stands beside it, as JSON Schema 2020-12 allows. */
function resolveReference(schema: JsonObject, scope: Scope): { schema: JsonObject; scope: Scope } {
  const reference = textOf(schema.$ref);
  if (reference === undefined) return { schema, scope };
  const beside = Object.fromEntries(Object.entries(schema).filter(([key]) => key !== '$ref'));
  const name = /^#\/(?:\$defs|definitions)\/([^/]+)$/.exec(reference)?.[1]?.replaceAll('~1', '/').replaceAll('~0', '~');
  const target = name === undefined ? undefined : scope.definitions[name];
  if (name === undefined || !isJsonObject(target) || scope.inside.includes(name)) {
    scope.leftOut('$ref');
    return { schema: { type: 'object', ...beside }, scope };
  }
  return resolveReference({ ...target, ...beside }, { ...scope, inside: [...scope.inside, name] });
}

const READ = new Set([...KEPT, 'type', 'enum', 'const', 'anyOf', 'oneOf', 'items', 'properties', '$ref']);
/** Say nothing of what is valid, or what Vertex's models do anyway. */
const HARMLESS = new Set(['$schema', '$id', '$defs', 'definitions', '$comment', 'additionalProperties', 'examples']);

function reportLeftOut(schema: JsonObject, { leftOut }: Scope): void {
  for (const key in schema) if (!READ.has(key) && !HARMLESS.has(key)) leftOut(key);
}
