/** Plans the conversion of each message once. */
import protobuf from 'protobufjs/light.js';
import { InvariantError } from '../../lib/errors.ts';
import { methodsOf, reflectMessage } from './descriptors.ts';

/** How one value of a field is converted, chosen once per field. */
export type ValuePlan =
  | { readonly kind: 'scalar'; readonly type: string }
  | { readonly kind: 'enum'; readonly values: ReadonlyMap<string, number>; readonly names: ReadonlyMap<number, string> }
  | { readonly kind: 'message'; readonly typeName: string }
  /** google.protobuf.NullValue, whose JSON is null. */
  | { readonly kind: 'null' };

export interface FieldPlan {
  readonly name: string;
  readonly shape: 'single' | 'list' | 'map';
  /** Whether the keys of the map are integers; JSON has them in decimal, protobufjs as hashes. */
  readonly hasLongKeys: boolean;
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

const plans = new Map<string, MessagePlan>();

/**
 * The plan of a message.
 * Errors: InvariantError for a name that is not served; names from outside are to be checked with `hasMessage`.
 */
export function planOf(typeName: string): MessagePlan {
  const known = plans.get(typeName);
  if (known !== undefined) return known;
  const type = reflectMessage(typeName);
  if (type === undefined) throw new InvariantError(`no message ${typeName} in the served descriptors`);
  const fields = type.fieldsArray.map((field) => planField(field.resolve()));
  const plan = { typeName, type, fields: new Map(fields.map((field) => [field.name, field])) };
  plans.set(typeName, plan);
  return plan;
}

/** The methods of a service of the served descriptors. */
export function serviceMethods(serviceName: string): MethodPlan[] {
  const methods = methodsOf(serviceName);
  if (methods === undefined) throw new InvariantError(`no service ${serviceName} in the served descriptors`);
  return Object.entries(methods).map(([name, method]) => ({
    name,
    path: `/${serviceName}/${name}`,
    requestType: method.requestType.slice(1),
    responseType: method.responseType.slice(1),
    requestStream: method.requestStream === true,
    responseStream: method.responseStream === true,
  }));
}

function planField(field: protobuf.Field): FieldPlan {
  // A proto3 `optional` is a oneof of its own on the wire level only.
  const oneof = field.partOf === null || field.partOf?.isProto3Optional ? undefined : field.partOf?.name;
  const keyType = field instanceof protobuf.MapField ? field.keyType : 'string';
  if (keyType !== 'string' && keyType !== 'int64') throw new InvariantError(`${field.fullName}: keys of ${keyType}`);
  return {
    name: field.name,
    shape: field.map ? 'map' : field.repeated ? 'list' : 'single',
    hasLongKeys: keyType === 'int64',
    value: planValue(field),
    oneof,
    hasPresence: field.hasPresence,
  };
}

function planValue(field: protobuf.Field): ValuePlan {
  const resolved = field.resolvedType;
  if (resolved instanceof protobuf.Type) return { kind: 'message', typeName: resolved.fullName.slice(1) };
  if (!(resolved instanceof protobuf.Enum)) return { kind: 'scalar', type: field.type };
  if (resolved.fullName === '.google.protobuf.NullValue') return { kind: 'null' };
  const values = new Map(Object.entries(resolved.values));
  const names = new Map<number, string>();
  // The first name declared for a number is the one printed.
  for (const [name, number] of values) if (!names.has(number)) names.set(number, name);
  return { kind: 'enum', values, names };
}
