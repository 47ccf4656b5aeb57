/** The types of CEL, as the checker of cel-go knows them. */
export type CelType =
  | { readonly kind: 'bool' | 'int' | 'uint' | 'double' | 'string' | 'bytes' | 'null' | 'dyn' }
  | { readonly kind: 'list'; readonly element: CelType }
  | { readonly kind: 'map'; readonly key: CelType; readonly value: CelType }
  | { readonly kind: 'type'; readonly of?: CelType }
  | { readonly kind: 'param'; readonly name: string };

export const BOOL: CelType = { kind: 'bool' };
export const INT: CelType = { kind: 'int' };
export const UINT: CelType = { kind: 'uint' };
export const DOUBLE: CelType = { kind: 'double' };
export const STRING: CelType = { kind: 'string' };
export const BYTES: CelType = { kind: 'bytes' };
export const DYN: CelType = { kind: 'dyn' };

export function listOf(element: CelType): CelType {
  return { kind: 'list', element };
}

export function mapOf(key: CelType, value: CelType): CelType {
  return { kind: 'map', key, value };
}

/** Prints a type the way cel-go does in its messages: `list(uint)`, `map(string, int)`. */
export function printType(type: CelType): string {
  switch (type.kind) {
    case 'list':
      return `list(${printType(type.element)})`;
    case 'map':
      return `map(${printType(type.key)}, ${printType(type.value)})`;
    case 'type':
      return type.of === undefined ? 'type' : `type(${printType(type.of)})`;
    case 'param':
      return type.name;
    default:
      return type.kind;
  }
}

/** True when both types are the same through and through. */
export function sameType(a: CelType, b: CelType): boolean {
  if (a.kind === 'list') return b.kind === 'list' && sameType(a.element, b.element);
  if (a.kind === 'map') return b.kind === 'map' && sameType(a.key, b.key) && sameType(a.value, b.value);
  if (a.kind === 'param') return b.kind === 'param' && a.name === b.name;
  return a.kind === b.kind;
}
