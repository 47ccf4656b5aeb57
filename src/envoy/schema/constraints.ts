/** Checks a message against the validation rules Envoy enforces when it receives one. */
import { readFileSync } from 'node:fs';
import { checkEnum, checkRules, checkSize, type Rules } from './constraint-rules.ts';
import { hasMessage } from './descriptors.ts';
import { type FieldPlan, planOf, type ValuePlan } from './registry.ts';
import { formatPath, type PathSegment } from './schema-error.ts';
import { hasOwnJson } from './to-message.ts';

/** One rule that does not hold. */
export interface Violation {
  readonly path: string;
  readonly message: string;
}

type FieldRules = Readonly<Record<string, Rules>>;
type Json = Readonly<Record<string, unknown>>;
type Path = readonly PathSegment[];

interface MessageRules {
  readonly fields?: Readonly<Record<string, FieldRules>>;
  readonly oneofs?: Readonly<Record<string, readonly string[]>>;
}

const CONSTRAINTS = new URL('../../../protos/constraints.json', import.meta.url);
let loaded: Readonly<Record<string, MessageRules>> | undefined;

function rulesOf(typeName: string): MessageRules {
  loaded ??= JSON.parse(readFileSync(CONSTRAINTS, 'utf8')) as Readonly<Record<string, MessageRules>>;
  return loaded[typeName] ?? {};
}

/**
 * The validation rules that ProtoJSON (with proto field names) of a message breaks, going down into every Any.
 * Shape: the value is one that `encodeMessage` accepts; values of a wrong type are its business and pass here.
 * Source: the protoc-gen-validate options of the Envoy API, which Envoy enforces with a NACK.
 */
export function checkConstraints(typeName: string, json: unknown): Violation[] {
  const out: Violation[] = [];
  checkMessage(typeName, json, [], out);
  return out;
}

function checkMessage(typeName: string, json: unknown, path: Path, out: Violation[]): void {
  if (typeName === 'google.protobuf.Any') checkAny(json, path, out);
  else if (isObject(json) && hasMessage(typeName) && !hasOwnJson(typeName)) checkFields(typeName, json, path, out);
}

function checkFields(typeName: string, json: Json, path: Path, out: Violation[]): void {
  const { fields: rules = {}, oneofs = {} } = rulesOf(typeName);
  for (const [oneof, names] of Object.entries(oneofs)) {
    if (!names.some((name) => isSet(json[name]))) report(out, path, `${oneof} needs one of ${names.join(', ')}`);
  }
  for (const field of planOf(typeName).fields.values()) {
    checkField(field, rules[field.name] ?? {}, json[field.name], [...path, field.name], out);
  }
}

function checkAny(json: unknown, path: Path, out: Violation[]): void {
  const typeUrl = isObject(json) ? json['@type'] : undefined;
  if (typeof typeUrl === 'string') checkMessage(typeUrl.slice(typeUrl.lastIndexOf('/') + 1), json, path, out);
}

function checkField(field: FieldPlan, rules: FieldRules, value: unknown, path: Path, out: Violation[]): void {
  if (rules.message?.skip === true) return;
  if (field.shape === 'list') checkList(field.value, rules.repeated ?? {}, value, path, out);
  else if (field.shape === 'map') checkMap(field.value, rules.map ?? {}, value, path, out);
  else if (isSet(value)) checkValue(field.value, rules, value, path, out);
  // Of a oneof, only the chosen field is held to its rules.
  else if (field.oneof !== undefined) return;
  else if (isRequired(rules)) report(out, path, 'is required');
  // A field without presence has its default value when it is absent; all others are free to be absent.
  else if (!field.hasPresence && field.value.kind !== 'message') {
    checkValue(field.value, rules, defaultOf(field.value), path, out);
  }
}

function isRequired(rules: FieldRules): boolean {
  return [rules.message, rules.duration, rules.timestamp, rules.any].some((rule) => rule?.required === true);
}

function checkList(plan: ValuePlan, rules: Rules, value: unknown, path: Path, out: Violation[]): void {
  const items = Array.isArray(value) ? value : [];
  for (const message of checkSize(rules, items.length)) report(out, path, message);
  if (rules.unique === true && new Set(items.map((item) => JSON.stringify(item))).size < items.length) {
    report(out, path, 'must not hold a value twice');
  }
  const itemRules = (rules.items ?? {}) as FieldRules;
  items.forEach((item, index) => {
    checkValue(plan, itemRules, item, [...path, index], out);
  });
}

function checkMap(plan: ValuePlan, rules: Rules, value: unknown, path: Path, out: Violation[]): void {
  const entries = isObject(value) ? Object.entries(value) : [];
  for (const message of checkSize(rules, entries.length)) report(out, path, message);
  const keyRules = Object.entries((rules.keys ?? {}) as FieldRules);
  for (const [key, item] of entries) {
    for (const [kind, keyRule] of keyRules) {
      for (const message of checkRules(kind, keyRule, key)) report(out, [...path, key], `the key ${message}`);
    }
    checkValue(plan, (rules.values ?? {}) as FieldRules, item, [...path, key], out);
  }
}

function checkValue(plan: ValuePlan, rules: FieldRules, value: unknown, path: Path, out: Violation[]): void {
  for (const [kind, rule] of Object.entries(rules)) {
    const problems = plan.kind === 'enum' ? checkEnumValue(plan, rule, value) : checkRules(kind, rule, value);
    for (const message of problems) report(out, path, message);
  }
  if (plan.kind === 'message') checkMessage(plan.typeName, value, path, out);
}

function checkEnumValue(plan: Extract<ValuePlan, { kind: 'enum' }>, rule: Rules, value: unknown): string[] {
  const number = typeof value === 'string' ? plan.values.get(value) : Number(value);
  return number === undefined ? [] : checkEnum(rule, number, plan.names.get(number));
}

function defaultOf(plan: ValuePlan): unknown {
  if (plan.kind === 'scalar' && (plan.type === 'string' || plan.type === 'bytes')) return '';
  return plan.kind === 'scalar' && plan.type === 'bool' ? false : 0;
}

function report(out: Violation[], path: Path, message: string): void {
  out.push({ path: formatPath(path), message });
}

function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isSet(value: unknown): boolean {
  return value !== undefined && value !== null;
}
