/** Loads the served descriptor set on first use and plans each message once. */
import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import protobuf from 'protobufjs/light.js';
import 'protobufjs/ext/descriptor.js';
import { InvariantError } from '../../lib/errors.ts';

/** How one value of a field is converted, chosen once per field. */
export type ValuePlan =
  | { readonly kind: 'scalar'; readonly type: string }
  | { readonly kind: 'enum'; readonly values: ReadonlyMap<string, number>; readonly names: ReadonlyMap<number, string> }
  | { readonly kind: 'message'; readonly typeName: string };

export interface FieldPlan {
  readonly name: string;
  readonly shape: 'single' | 'list' | 'map';
  readonly value: ValuePlan;
  /** The oneof it belongs to, if any. */
  readonly oneof: string | undefined;
  /** Whether being set to the default value differs from being absent. */
  readonly hasPresence: boolean;
}

export interface MessagePlan {
  readonly typeName: string;
  readonly type: protobuf.Type;
  readonly fields: ReadonlyMap<string, FieldPlan>;
}

/** One method of a service, as a gRPC server or client needs it. */
export interface MethodPlan {
  readonly name: string;
  readonly path: string;
  readonly requestType: string;
  readonly responseType: string;
  readonly requestStream: boolean;
  readonly responseStream: boolean;
}

interface Registry {
  readonly types: ReadonlyMap<string, protobuf.Type>;
  readonly services: ReadonlyMap<string, protobuf.Service>;
}

const SERVED = new URL('../../../protos/served.binpb.gz', import.meta.url);
let loaded: Registry | undefined;
const plans = new Map<string, MessagePlan>();

function registry(): Registry {
  if (loaded === undefined) {
    const root = protobuf.Root.fromDescriptor(gunzipSync(readFileSync(SERVED)), { keepCase: true });
    const types = new Map<string, protobuf.Type>();
    const services = new Map<string, protobuf.Service>();
    collect(root, types, services);
    loaded = { types, services };
  }
  return loaded;
}

function collect(
  scope: protobuf.NamespaceBase,
  types: Map<string, protobuf.Type>,
  services: Map<string, protobuf.Service>,
): void {
  for (const item of scope.nestedArray) {
    if (item instanceof protobuf.Type) types.set(item.fullName.slice(1), item);
    if (item instanceof protobuf.Service) services.set(item.fullName.slice(1), item);
    if (item instanceof protobuf.Namespace) collect(item, types, services);
  }
}

/** The full names of every message that can be encoded, sorted. */
export function messageTypes(): string[] {
  return [...registry().types.keys()].sort();
}

/** Whether a message of this full name can be encoded. */
export function hasMessage(typeName: string): boolean {
  return registry().types.has(typeName);
}

/**
 * The plan of a message.
 * Errors: InvariantError for a name that is not served; names from outside are to be checked with `hasMessage`.
 */
export function planOf(typeName: string): MessagePlan {
  const known = plans.get(typeName);
  if (known !== undefined) return known;
  const type = registry().types.get(typeName);
  if (type === undefined) throw new InvariantError(`no message ${typeName} in the served descriptors`);
  const fields = type.fieldsArray.map((field) => planField(field.resolve()));
  const plan = { typeName, type, fields: new Map(fields.map((field) => [field.name, field])) };
  plans.set(typeName, plan);
  return plan;
}

/** The methods of a service of the served descriptors. */
export function serviceMethods(serviceName: string): MethodPlan[] {
  const service = registry().services.get(serviceName);
  if (service === undefined) throw new InvariantError(`no service ${serviceName} in the served descriptors`);
  return service.methodsArray.map((method) => {
    method.resolve();
    return {
      name: method.name,
      path: `/${serviceName}/${method.name}`,
      requestType: method.resolvedRequestType?.fullName.slice(1) ?? '',
      responseType: method.resolvedResponseType?.fullName.slice(1) ?? '',
      requestStream: method.requestStream === true,
      responseStream: method.responseStream === true,
    };
  });
}

function planField(field: protobuf.Field): FieldPlan {
  // A proto3 `optional` is a oneof of its own on the wire level only.
  const oneof = field.partOf === null || field.partOf?.isProto3Optional ? undefined : field.partOf?.name;
  return {
    name: field.name,
    shape: field.map ? 'map' : field.repeated ? 'list' : 'single',
    value: planValue(field),
    oneof,
    hasPresence: field.hasPresence,
  };
}

function planValue(field: protobuf.Field): ValuePlan {
  const resolved = field.resolvedType;
  if (resolved instanceof protobuf.Type) return { kind: 'message', typeName: resolved.fullName.slice(1) };
  if (!(resolved instanceof protobuf.Enum)) return { kind: 'scalar', type: field.type };
  const values = new Map(Object.entries(resolved.values));
  const names = new Map<number, string>();
  // The first name declared for a number is the one printed.
  for (const [name, number] of values) if (!names.has(number)) names.set(number, name);
  return { kind: 'enum', values, names };
}
