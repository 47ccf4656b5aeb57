import { type CelType, DYN, listOf, mapOf, sameType } from './types.ts';

/** What type parameters stand for so far; by name. */
export type Bindings = Map<string, CelType>;

/** Replaces bound parameters. With `open` given, parameters that stay free become it. */
export function substitute(bindings: Bindings, type: CelType, open?: CelType): CelType {
  switch (type.kind) {
    case 'param': {
      const bound = bindings.get(type.name);
      if (bound) return substitute(bindings, bound, open);
      return open ?? type;
    }
    case 'list':
      return listOf(substitute(bindings, type.element, open));
    case 'map':
      return mapOf(substitute(bindings, type.key, open), substitute(bindings, type.value, open));
    case 'type':
      return type.of === undefined ? type : { kind: 'type', of: substitute(bindings, type.of, open) };
    default:
      return type;
  }
}

/** True when every type fits its counterpart; then, and only then, `bindings` keeps what was learned. */
export function assignAll(bindings: Bindings, from: readonly CelType[], to: readonly CelType[]): boolean {
  if (from.length !== to.length) return false;
  const trial: Bindings = new Map(bindings);
  const fits = from.every((type, i) => {
    const target = to[i];
    return target !== undefined && fitsType(trial, type, target);
  });
  if (fits) for (const [name, type] of trial) bindings.set(name, type);
  return fits;
}

/** The less specific of two types that fit each other. */
export function mostGeneral(a: CelType, b: CelType): CelType {
  return atMostAsSpecific(a, b) ? a : b;
}

function atMostAsSpecific(a: CelType, b: CelType): boolean {
  if (a.kind === 'dyn' || a.kind === 'param') return true;
  if (b.kind === 'dyn' || b.kind === 'param') return false;
  if (a.kind === 'list' && b.kind === 'list') return atMostAsSpecific(a.element, b.element);
  if (a.kind === 'map' && b.kind === 'map') {
    return atMostAsSpecific(a.key, b.key) && atMostAsSpecific(a.value, b.value);
  }
  return a.kind === b.kind;
}

function fitsType(bindings: Bindings, a: CelType, b: CelType): boolean {
  if (b.kind === 'param') {
    const outcome = bind(bindings, a, b);
    if (outcome !== 'unbound') return outcome === 'fits';
  }
  if (a.kind === 'param') return bind(bindings, b, a) === 'fits';
  if (a.kind === 'dyn' || b.kind === 'dyn') return true;
  if (a.kind === 'list') return b.kind === 'list' && fitsType(bindings, a.element, b.element);
  if (a.kind === 'map') {
    return b.kind === 'map' && fitsType(bindings, a.key, b.key) && fitsType(bindings, a.value, b.value);
  }
  return a.kind === b.kind;
}

/** Tries `type` as what the parameter stands for. `unbound`: the parameter is free but cannot take this type. */
function bind(bindings: Bindings, type: CelType, param: CelType & { kind: 'param' }): 'fits' | 'differs' | 'unbound' {
  if (sameType(type, param)) return 'fits';
  const bound = bindings.get(param.name);
  if (bound) {
    if (sameType(type, bound)) return 'fits';
    if (!fitsType(bindings, type, bound)) return 'differs';
    const general = mostGeneral(type, bound);
    if (!mentions(bindings, general, param.name)) bindings.set(param.name, general);
    return 'fits';
  }
  if (mentions(bindings, type, param.name)) return 'unbound';
  bindings.set(param.name, type);
  return 'fits';
}

function mentions(bindings: Bindings, type: CelType, name: string): boolean {
  switch (type.kind) {
    case 'param': {
      if (type.name === name) return true;
      const bound = bindings.get(type.name);
      return bound !== undefined && mentions(bindings, bound, name);
    }
    case 'list':
      return mentions(bindings, type.element, name);
    case 'map':
      return mentions(bindings, type.key, name) || mentions(bindings, type.value, name);
    case 'type':
      return type.of !== undefined && mentions(bindings, type.of, name);
    default:
      return false;
  }
}

/** The types of a signature with its parameters renamed, so that two calls never share them. */
export function freshen(types: readonly CelType[], suffix: number): CelType[] {
  const rename: Bindings = new Map();
  for (const name of ['A', 'B']) rename.set(name, { kind: 'param', name: `${name}${suffix}` });
  return types.map((type) => substitute(rename, type));
}

/** A type that nothing constrains any more is dynamic. */
export function finish(bindings: Bindings, type: CelType): CelType {
  return substitute(bindings, type, DYN);
}
