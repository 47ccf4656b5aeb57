import { BOOL, BYTES, type CelType, DOUBLE, DYN, INT, listOf, mapOf, STRING, UINT } from './types.ts';

/** One signature of a function. A member's receiver is its first parameter; `param` types are bound on each call. */
export interface Overload {
  readonly member: boolean;
  readonly params: readonly CelType[];
  readonly result: CelType;
  readonly across?: true;
}

const A: CelType = { kind: 'param', name: 'A' };
const B: CelType = { kind: 'param', name: 'B' };
const LIST = listOf(A);
const MAP = mapOf(A, B);

function over(result: CelType, ...params: CelType[]): Overload {
  return { member: false, params, result };
}

function member(result: CelType, ...params: CelType[]): Overload {
  return { member: true, params, result };
}

/** Both operands and the result of one type. */
function closed(...types: CelType[]): Overload[] {
  return types.map((type) => over(type, type, type));
}

/**
 * cel-go declares orders across number types too, and disables them; but once it has entered the scope of a macro, they
 * stay enabled for all that it checks after (`across`). What it accepts that way is accepted here.
 */
function across(a: CelType, b: CelType): Overload {
  return { ...over(BOOL, a, b), across: true };
}

const ORDER: readonly Overload[] = [
  over(BOOL, BOOL, BOOL),
  over(BOOL, INT, INT),
  across(INT, DOUBLE),
  across(INT, UINT),
  over(BOOL, UINT, UINT),
  across(UINT, DOUBLE),
  across(UINT, INT),
  over(BOOL, DOUBLE, DOUBLE),
  across(DOUBLE, INT),
  across(DOUBLE, UINT),
  over(BOOL, STRING, STRING),
  over(BOOL, BYTES, BYTES),
];

function from(result: CelType, ...params: CelType[]): Overload[] {
  return params.map((param) => over(result, param));
}

/**
 * The standard library as cel-go declares it, in its order, without timestamps and durations: a cost is a function of
 * counts and names.
 */
export const OVERLOADS: ReadonlyMap<string, readonly Overload[]> = new Map<string, readonly Overload[]>([
  ['_?_:_', [over(A, BOOL, A, A)]],
  ['_&&_', [over(BOOL, BOOL, BOOL)]],
  ['_||_', [over(BOOL, BOOL, BOOL)]],
  ['!_', [over(BOOL, BOOL)]],
  ['@not_strictly_false', [over(BOOL, BOOL)]],
  ['_==_', [over(BOOL, A, A)]],
  ['_!=_', [over(BOOL, A, A)]],
  ['_+_', [...closed(BYTES, DOUBLE, INT, LIST, STRING, UINT)]],
  ['_-_', closed(DOUBLE, INT, UINT)],
  ['_*_', closed(DOUBLE, INT, UINT)],
  ['_/_', closed(DOUBLE, INT, UINT)],
  ['_%_', closed(INT, UINT)],
  ['-_', [over(DOUBLE, DOUBLE), over(INT, INT)]],
  ['_<_', ORDER],
  ['_<=_', ORDER],
  ['_>_', ORDER],
  ['_>=_', ORDER],
  ['_[_]', [over(A, LIST, INT), over(B, MAP, A)]],
  ['@in', [over(BOOL, A, LIST), over(BOOL, A, MAP)]],
  ['size', [BYTES, LIST, MAP, STRING].flatMap((type) => [over(INT, type), member(INT, type)])],
  ['type', [over({ kind: 'type', of: A }, A)]],
  ['bool', from(BOOL, BOOL, STRING)],
  ['bytes', from(BYTES, BYTES, STRING)],
  ['double', from(DOUBLE, DOUBLE, INT, STRING, UINT)],
  ['dyn', [over(DYN, A)]],
  ['int', from(INT, INT, DOUBLE, STRING, UINT)],
  ['string', from(STRING, STRING, BOOL, BYTES, DOUBLE, INT, UINT)],
  ['uint', from(UINT, UINT, DOUBLE, INT, STRING)],
  ['contains', [member(BOOL, STRING, STRING)]],
  ['endsWith', [member(BOOL, STRING, STRING)]],
  ['startsWith', [member(BOOL, STRING, STRING)]],
  ['matches', [over(BOOL, STRING, STRING), member(BOOL, STRING, STRING)]],
]);

/** What the standard library has beyond this: named, so that the refusal can say why. */
export const TIME_FUNCTIONS: ReadonlySet<string> = new Set([
  'timestamp',
  'duration',
  'getFullYear',
  'getMonth',
  'getDayOfYear',
  'getDayOfMonth',
  'getDate',
  'getDayOfWeek',
  'getHours',
  'getMinutes',
  'getSeconds',
  'getMilliseconds',
]);

/** Type names that stand as values: `type(x) == uint`. */
export const TYPE_NAMES: ReadonlyMap<string, CelType> = new Map<string, CelType>([
  ['bool', BOOL],
  ['bytes', BYTES],
  ['double', DOUBLE],
  ['int', INT],
  ['uint', UINT],
  ['string', STRING],
  ['null_type', { kind: 'null' }],
  ['list', listOf(DYN)],
  ['map', mapOf(DYN, DYN)],
  ['type', { kind: 'type' }],
]);
