/**
 * The served descriptors, read on first use and built message by message: building all of them takes six times as long
 * as what a discovery stream needs.
 */
import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import protobuf from 'protobufjs/light.js';
import { InvariantError } from '../../lib/errors.ts';

/** What protobufjs calls the JSON of a message, an enum, a service or a namespace, as far as it is read here. */
interface Definition {
  readonly fields?: Readonly<Record<string, { readonly type: string }>>;
  readonly values?: Readonly<Record<string, number>>;
  readonly methods?: Readonly<Record<string, MethodDefinition>>;
  readonly nested?: Readonly<Record<string, Definition>>;
}

/** One method of a service; type names have a leading dot. */
export interface MethodDefinition {
  readonly requestType: string;
  readonly responseType: string;
  readonly requestStream?: boolean;
  readonly responseStream?: boolean;
}

interface Index {
  readonly root: protobuf.Root;
  /** Definitions directly in a package: the unit that is built. */
  readonly topLevel: ReadonlyMap<string, Definition>;
  /** Every message, nested ones included. */
  readonly messages: ReadonlySet<string>;
  readonly built: Set<string>;
}

const SERVED = new URL('../../../protos/served.json.gz', import.meta.url);
let loaded: Index | undefined;

function index(): Index {
  if (loaded === undefined) {
    const json: Definition = JSON.parse(gunzipSync(readFileSync(SERVED)).toString('utf8'));
    const topLevel = new Map<string, Definition>();
    const messages = new Set<string>();
    collect(json, '', topLevel, messages, false);
    loaded = { root: new protobuf.Root(), topLevel, messages, built: new Set() };
  }
  return loaded;
}

function collect(
  scope: Definition,
  prefix: string,
  topLevel: Map<string, Definition>,
  messages: Set<string>,
  inMessage: boolean,
): void {
  for (const [key, definition] of Object.entries(scope.nested ?? {})) {
    const name = prefix === '' ? key : `${prefix}.${key}`;
    const isMessage = definition.fields !== undefined;
    const isPackage = !isMessage && definition.values === undefined && definition.methods === undefined;
    if (isMessage) messages.add(name);
    if (!isPackage && !inMessage) topLevel.set(name, definition);
    collect(definition, name, topLevel, messages, inMessage || isMessage);
  }
}

/** The full names of every message, sorted. */
export function messageTypes(): string[] {
  return [...index().messages].sort();
}

/** Whether a message of this full name can be encoded. */
export function hasMessage(typeName: string): boolean {
  return index().messages.has(typeName);
}

/** The reflected message, with everything its fields need; undefined for a name that is not served. */
export function reflectMessage(typeName: string): protobuf.Type | undefined {
  const { root, messages } = index();
  if (!messages.has(typeName)) return undefined;
  build(typeName);
  root.resolveAll();
  return root.lookupType(`.${typeName}`);
}

function build(typeName: string): void {
  const { root, topLevel, built } = index();
  const pending = [typeName];
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    const name = topLevelName(next, topLevel);
    if (built.has(name)) continue;
    built.add(name);
    const dot = name.lastIndexOf('.');
    const definition = topLevel.get(name);
    root.define(name.slice(0, dot)).addJSON({ [name.slice(dot + 1)]: definition as protobuf.AnyNestedObject });
    pending.push(...references(definition ?? {}));
  }
}

/** `a.b.Outer.Inner` gives `a.b.Outer`. */
function topLevelName(typeName: string, topLevel: ReadonlyMap<string, Definition>): string {
  let name = typeName;
  while (!topLevel.has(name)) {
    const dot = name.lastIndexOf('.');
    if (dot < 0) throw new InvariantError(`no definition of ${typeName} in the served descriptors`);
    name = name.slice(0, dot);
  }
  return name;
}

/** The full names of the messages and enums that fields refer to. */
function references(definition: Definition): string[] {
  const own = Object.values(definition.fields ?? {}).filter((field) => field.type.startsWith('.'));
  const nested = Object.values(definition.nested ?? {}).flatMap(references);
  return [...own.map((field) => field.type.slice(1)), ...nested];
}

/** The methods of a service, or undefined for a name that is not served. */
export function methodsOf(serviceName: string): Readonly<Record<string, MethodDefinition>> | undefined {
  return index().topLevel.get(serviceName)?.methods;
}
