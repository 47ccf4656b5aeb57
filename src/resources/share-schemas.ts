import { isJsonObject, type JsonSchema } from './json-schema.ts';

/**
 * The same schema with object schemas that stand in more than one place moved into `$defs`: what is compiled from it is
 * much smaller, and compiling it much faster.
 */
export function shareSchemas(root: JsonSchema): object {
  const uses = new Map<string, number>();
  const bare = (schema: JsonSchema): object => {
    const out = withChildren(schema, bare);
    if (schema.properties) count(uses, JSON.stringify(out));
    return out;
  };
  bare(root);

  const names = new Map<string, string>();
  const definitions: Record<string, object> = {};
  const share = (schema: JsonSchema): object => {
    const out = withChildren(schema, share);
    if (!schema.properties) return out;
    const key = JSON.stringify(withChildren(schema, bareAgain));
    if ((uses.get(key) ?? 0) < 2) return out;
    let name = names.get(key);
    if (name === undefined) {
      name = `shared${names.size}`;
      names.set(key, name);
      definitions[name] = out;
    }
    return { $ref: `#/$defs/${name}` };
  };
  return { ...withChildren(root, share), $defs: definitions };
}

function bareAgain(schema: JsonSchema): object {
  return withChildren(schema, bareAgain);
}

function count(uses: Map<string, number>, key: string): void {
  uses.set(key, (uses.get(key) ?? 0) + 1);
}

/** Defaults, descriptions and Kubernetes' own keywords mean nothing to ajv. */
function withChildren(schema: JsonSchema, map: (child: JsonSchema) => object): object {
  const out: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(schema)) {
    if (key === 'description' || key === 'default' || (key.startsWith('x-') && !key.endsWith('int-or-string')))
      continue;
    out[key] = value;
  }
  // Kubernetes reads numbers beyond 64 bits as floating point, which no integer is.
  const isInteger = schema.type === 'integer' || schema['x-kubernetes-int-or-string'];
  if (isInteger && out.format === undefined) out.format = 'int64';
  if (schema.properties) {
    out.properties = Object.fromEntries(Object.entries(schema.properties).map(([key, child]) => [key, map(child)]));
  }
  if (schema.items) out.items = map(schema.items);
  if (isJsonObject(schema.additionalProperties)) out.additionalProperties = map(schema.additionalProperties);
  return out;
}
