/** Objects made from the schema of a kind: random ones, and ones broken in one place. */
import type { JsonSchema } from '../../src/resources/json-schema.ts';

/** Random numbers in [0, 1) that are the same on every run. */
export function createRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** All keywords of the schemas that objects are made from. */
interface FullSchema extends JsonSchema {
  readonly properties?: Readonly<Record<string, FullSchema>>;
  readonly additionalProperties?: FullSchema | boolean;
  readonly items?: FullSchema;
  readonly enum?: readonly unknown[];
  readonly format?: string;
  readonly pattern?: string;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly minItems?: number;
  readonly maxItems?: number;
}

const TEXTS = [
  'a',
  'x-a',
  'b.example.com',
  '10s',
  '5',
  '1Mi',
  'System',
  'v1',
  '/a',
  'Gateway',
  'example.com/a',
  'YQ==',
];
const FORMAT_TEXTS: Readonly<Record<string, string>> = {
  'date-time': '2026-01-02T03:04:05Z',
  byte: 'YQ==',
  ipv4: '10.0.0.1',
  ipv6: 'fd00::1',
  uri: 'https://a.example.com/',
};

/** Strings on the edge of a format. Not `/w==`: rules read bytes in the other alphabet of Base64, and fail on it. */
const FORMAT_EDGES: Readonly<Record<string, string>> = {
  uri: '/a|//a|*|a|mailto:a@b|a.b:80|a:80|http:|http://|http://[::1]:80/|http://[::1|http://a b/|http://a/b c|http://a/%zz|http://a/%20|http://a:b/|http://a:80b|http://é/|http://a/é|HTTP://A|http://a?b#c|1http://a|:a|http://u:p@a/|http://a\\b|urn:a:b|?a|#a|http://a/^',
  'date-time':
    '2026-01-02|2026-01-02T03:04:05|2026-01-02t03:04:05z|2026-13-01T00:00:00Z|2026-02-30T00:00:00Z|2026-02-29T00:00:00Z|2024-02-29T00:00:00Z|2026-01-02T24:00:00Z|2026-01-02T25:00:00Z|2026-01-02T03:04:60Z|2026-01-02T03:60:05Z|2026-01-02T03:04:05.1Z|2026-01-02T03:04:05.123456789Z|2026-01-02T03:04:05.1234567891Z|2026-01-02 03:04:05Z|2026-01-02T03:04:05+01:00|2026-01-02T03:04:05+25:00|2026-01-02T03:04:05+0100|26-01-02T03:04:05Z|0000-01-01T00:00:00Z|9999-12-31T23:59:59Z|2026-1-2T03:04:05Z|2026-01-02T03:04Z| 2026-01-02T03:04:05Z|2026-01-02T03:04:05,5Z|2026-00-01T00:00:00Z',
  byte: 'YQ|YQ=|YQ==|YWI=|YWJj|YQ==YQ==|Y Q==|YR==|-_8=|A===|====|Y|é|YWJjZA==\n|YW\nI=|_w==',
  ipv4: '1.2.3|256.1.1.1|01.2.3.4|1.2.3.4.5|1.2.3.4 |::1|a',
  ipv6: '::|::1|1::2::3|fe80::1%eth0|::ffff:1.2.3.4|1.2.3.4|12345::|[::1]|FD00::A',
};

export interface GenerateOptions {
  /** How likely an optional field is set. */
  readonly density: number;
}

/** A value that matches the types and limits of a schema; rules it may break. */
export function generate(schema: FullSchema, random: () => number, options: GenerateOptions): unknown {
  const pick = <T>(values: readonly T[]): T | undefined => values[Math.floor(random() * values.length)];
  const make = (at: FullSchema): unknown => {
    if (at.enum) return pick(at.enum);
    if (at['x-kubernetes-int-or-string']) return random() < 0.5 ? 5 : (makeText(at) ?? 5);
    switch (at.type) {
      case 'object':
        return makeObject(at);
      case 'array':
        return makeArray(at);
      case 'string':
        return makeText(at);
      case 'integer':
        return Math.max(at.minimum ?? 0, Math.min(at.maximum ?? 7, Math.floor(random() * 8)));
      case 'number':
        return 0.5;
      case 'boolean':
        return random() < 0.5;
      default:
        return 'anything';
    }
  };
  const makeText = (at: FullSchema): string | undefined => {
    const text = at.format === undefined ? undefined : FORMAT_TEXTS[at.format];
    if (text !== undefined) return text;
    const pattern = at.pattern === undefined ? undefined : new RegExp(at.pattern, 'u');
    const fits = TEXTS.filter((entry) => {
      const { minLength = 0, maxLength = 100 } = at;
      return entry.length >= minLength && entry.length <= maxLength && (pattern?.test(entry) ?? true);
    });
    return pick(fits);
  };
  const makeArray = (at: FullSchema): unknown[] => {
    const { items, minItems = 0, maxItems = 3 } = at;
    const length = Math.min(maxItems, Math.max(minItems, Math.floor(random() * 3)));
    return items ? Array.from({ length }, () => make(items)) : [];
  };
  const makeObject = (at: FullSchema): Record<string, unknown> => {
    const out: Record<string, unknown> = {};
    for (const [key, property] of Object.entries(at.properties ?? {})) {
      if (at.required?.includes(key) || random() < options.density) out[key] = make(property);
    }
    if (typeof at.additionalProperties === 'object' && random() < 0.7) out.key = make(at.additionalProperties);
    return out;
  };
  return make(schema);
}

/** An object with one thing changed, and what that was. */
export interface Mutation {
  readonly name: string;
  readonly value: unknown;
}

type Replace = (value: unknown) => unknown;

/** Every way to break a value in one place that its schema speaks of. */
export function mutations(schema: FullSchema, value: unknown): Mutation[] {
  const out: Mutation[] = [];
  const visit = (at: FullSchema, node: unknown, name: string, replace: Replace): void => {
    const add = (what: string, changed: unknown): number =>
      out.push({ name: `${name}: ${what}`, value: replace(changed) });
    for (const [what, changed] of scalarMutations(at, node)) add(what, changed);
    if (Array.isArray(node)) {
      for (const [what, changed] of arrayMutations(at, node)) add(what, changed);
      const { items } = at;
      if (!items) return;
      for (const [index, item] of node.entries()) {
        visit(items, item, `${name}[${index}]`, (changed) => replace(node.with(index, changed)));
      }
    } else if (typeof node === 'object' && node !== null) {
      const object = node as Record<string, unknown>;
      if (!at['x-kubernetes-preserve-unknown-fields']) add('unknown field', { ...object, bogusField: 1 });
      for (const key of Object.keys(object)) {
        const { [key]: removed, ...rest } = object;
        add(`without ${key}`, rest);
        const property = at.properties?.[key] ?? at.additionalProperties;
        if (typeof property !== 'object') continue;
        visit(property, removed, `${name}.${key}`, (changed) => replace({ ...object, [key]: changed }));
      }
    }
  };
  visit(schema, value, '', (changed) => changed);
  return out;
}

function scalarMutations(schema: FullSchema, node: unknown): [string, unknown][] {
  const out: [string, unknown][] = [
    ['null', null],
    ['wrong type', typeof node === 'string' ? 5 : 'text'],
  ];
  if (typeof node === 'string') {
    out.push(['empty', ''], ['blanks', 'not a name!'], ['upper case', node.toUpperCase()], ['line break', `${node}\n`]);
    for (const edge of FORMAT_EDGES[schema.format ?? '']?.split('|') ?? []) out.push([JSON.stringify(edge), edge]);
    if (schema.maxLength !== undefined) {
      out.push(['too long', 'a'.repeat(schema.maxLength + 1)], ['longest', 'a'.repeat(schema.maxLength)]);
    }
  }
  if (typeof node === 'number') {
    out.push(['negative', -1], ['zero', 0], ['fraction', 1.5], ['over int32', 2 ** 31], ['over int64', 2 ** 70]);
    if (schema.maximum !== undefined) out.push(['over maximum', schema.maximum + 1], ['maximum', schema.maximum]);
    if (schema.minimum !== undefined) out.push(['under minimum', schema.minimum - 1], ['minimum', schema.minimum]);
  }
  return out;
}

function arrayMutations(schema: FullSchema, node: readonly unknown[]): [string, unknown][] {
  const first = node[0];
  const out: [string, unknown][] = [
    ['no items', []],
    ['null item', [null]],
  ];
  if (first === undefined) return out;
  out.push(['same item twice', [...node, first]]);
  if (schema.maxItems !== undefined) out.push(['too many items', Array(schema.maxItems + 1).fill(first)]);
  return out;
}

/** The fields of both; where both have one that is not an object, `base` has its way. */
export function mergeOnto(extra: unknown, base: unknown): unknown {
  if (base === undefined) return extra;
  if (!isObject(extra) || !isObject(base)) return base;
  const out: Record<string, unknown> = { ...extra };
  for (const [key, value] of Object.entries(base)) out[key] = mergeOnto(extra[key], value);
  return out;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
