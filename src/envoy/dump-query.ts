/** The query parameters of Envoy's `/config_dump`, with the meaning that Envoy gives them. */
import { RE2JS } from 're2js';
import { GatewayError } from '../lib/errors.ts';
import type { ConfigDump } from './config-dump.ts';
import { fieldOf, trimMessage, typeUrl } from './schema/index.ts';

export interface DumpQuery {
  /** Name of a list in a section of the dump: its items are what is answered. */
  readonly resource?: string;
  /** Paths of fields, with commas between: of the items with `resource`, else of the sections. */
  readonly mask?: string;
  /** RE2 that has to match the whole name of a resource. */
  readonly nameRegex?: string;
  readonly includeEds: boolean;
}

/** Which names a query asks for. Errors: GatewayError `invalid_input`. */
export function nameMatcher({ nameRegex = '' }: DumpQuery): (name: string) => boolean {
  if (nameRegex === '') return () => true;
  try {
    const pattern = RE2JS.compile(nameRegex);
    return (name) => pattern.matches(name);
  } catch (caught) {
    throw GatewayError.from(caught, 'invalid_input', `Error while parsing name_regex from ${nameRegex}`);
  }
}

type Json = Readonly<Record<string, unknown>>;
type Any = ConfigDump['configs'][number];

/**
 * What a query asks for of a dump, which holds only resources of the names asked for.
 * Errors: GatewayError `invalid_input` for a mask that fits nothing, `not_found` for an unknown resource.
 */
export function selectFrom(dump: ConfigDump, { resource = '', mask = '' }: DumpQuery): ConfigDump {
  const paths = mask.split(',').filter((path) => path !== '');
  if (resource !== '') return { configs: itemsOf(dump, resource, mask, paths) };
  if (paths.length === 0) return dump;
  const configs = dump.configs.flatMap((section) => {
    const trimmed = trimMessage(typeOf(section), section, paths);
    return trimmed === undefined ? [] : [trimmed as Any];
  });
  if (configs.length > 0) return { configs };
  throw new GatewayError('invalid_input', `FieldMask ${mask} could not be successfully applied to any configs.`);
}

function itemsOf({ configs }: ConfigDump, resource: string, mask: string, paths: readonly string[]): Any[] {
  const section = configs.find((one) => fieldOf(typeOf(one), resource) !== undefined);
  const field = section && fieldOf(typeOf(section), resource);
  if (field === undefined) throw new GatewayError('not_found', `${resource} not found in config dump`);
  const { isList, typeName } = field;
  if (!isList || typeName === undefined) {
    const hint = `Use ?mask=${resource} to get only this field`;
    throw new GatewayError('invalid_input', `${resource} is not a repeated field. ${hint}`);
  }
  return ((section?.[resource] ?? []) as Any[]).map((item) => {
    const trimmed = trimItem(typeName, item, paths);
    if (trimmed !== undefined) return { '@type': typeUrl(typeName), ...trimmed };
    throw new GatewayError('invalid_input', `FieldMask ${mask} could not be successfully used.`);
  });
}

/** The Any of an item is the one through which a path may lead. */
function trimItem(typeName: string, item: Json, paths: readonly string[]): Json | undefined {
  const outer: string[] = [];
  const inner = new Map<string, string[]>();
  for (const path of paths) {
    const [first = '', ...rest] = path.split('.');
    const isAny = fieldOf(typeName, first)?.typeName === 'google.protobuf.Any';
    outer.push(isAny ? first : path);
    if (isAny && rest.length > 0) inner.set(first, [...(inner.get(first) ?? []), rest.join('.')]);
  }
  const shown = { ...item };
  for (const [field, within] of inner) {
    const any = item[field] as Any | undefined;
    const trimmed = any && trimMessage(typeOf(any), any, within);
    if (any !== undefined && trimmed === undefined) return undefined;
    if (trimmed !== undefined) shown[field] = trimmed;
  }
  return trimMessage(typeName, shown, outer);
}

function typeOf(any: Any): string {
  return any['@type'].slice(any['@type'].lastIndexOf('/') + 1);
}
