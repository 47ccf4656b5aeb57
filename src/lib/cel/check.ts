import { ACCUMULATOR, type CelExpr, type CelNode, CelSyntaxError } from './ast.ts';
import { assignAll, type Bindings, finish, freshen, mostGeneral, substitute } from './infer.ts';
import { OVERLOADS, TIME_FUNCTIONS, TYPE_NAMES } from './overloads.ts';
import { BOOL, type CelType, DYN, listOf, mapOf, printType } from './types.ts';
import type { CelValue } from './values.ts';

type Variables = ReadonlyMap<string, CelType>;

interface Scope {
  readonly name: string;
  readonly type: CelType;
  readonly outer: Scope | undefined;
}

interface Checker {
  readonly variables: Variables;
  readonly bindings: Bindings;
  fresh: number;
  /** A macro's scope was entered: see `Overload.across`. */
  entered: boolean;
}

/** Checks types as cel-go's standard environment does. Errors: throws `CelSyntaxError` at the first that does not fit. */
export function check(expr: CelExpr, variables: Variables): CelNode {
  const checker: Checker = { variables, bindings: new Map(), fresh: 0, entered: false };
  return finished(checker.bindings, infer(checker, expr, undefined));
}

function infer(c: Checker, expr: CelExpr, scope: Scope | undefined): CelNode {
  switch (expr.kind) {
    case 'const':
      return { ...expr, type: constType(expr.value) };
    case 'ident':
      return inferName(c, expr.name, expr.at, scope);
    case 'select':
      return inferSelect(c, expr, scope);
    case 'call':
      return inferCall(c, expr, scope);
    case 'list':
      return inferList(c, expr, scope);
    case 'map':
      return inferMap(c, expr, scope);
    case 'fold':
      return inferFold(c, expr, scope);
  }
}

function constType(value: CelValue): CelType {
  switch (value.kind) {
    case 'list':
      return listOf(DYN);
    case 'map':
      return mapOf(DYN, DYN);
    default:
      return { kind: value.kind };
  }
}

function inferName(c: Checker, name: string, at: number, scope: Scope | undefined): CelNode {
  for (let local = scope; local !== undefined; local = local.outer) {
    if (local.name === name) return { kind: 'local', at, name, type: local.type };
  }
  const variable = c.variables.get(name);
  if (variable) return { kind: 'variable', at, name, type: variable };
  const typeName = TYPE_NAMES.get(name);
  if (typeName) return { kind: 'const', at, value: { kind: 'type', name }, type: { kind: 'type', of: typeName } };
  throw new CelSyntaxError(`undeclared reference to '${name}'`, at);
}

function inferSelect(c: Checker, expr: CelExpr & { kind: 'select' }, scope: Scope | undefined): CelNode {
  const operand = infer(c, expr.operand, scope);
  const target = substitute(c.bindings, operand.type);
  if (target.kind === 'param') assignAll(c.bindings, [DYN], [target]);
  else if (target.kind !== 'map' && target.kind !== 'dyn') {
    throw new CelSyntaxError(`type '${printType(target)}' does not support field selection`, expr.at);
  }
  const type = expr.testOnly ? BOOL : target.kind === 'map' ? target.value : DYN;
  return { ...expr, operand, type };
}

function inferCall(c: Checker, expr: CelExpr & { kind: 'call' }, scope: Scope | undefined): CelNode {
  // Arguments before the receiver, as cel-go does: what one fixes or enters tells on the other.
  const args = expr.args.map((arg) => infer(c, arg, scope));
  if (expr.target !== undefined) args.unshift(infer(c, expr.target, scope));
  const { fn, at } = expr;
  const overloads = OVERLOADS.get(fn);
  if (!overloads) {
    const why = TIME_FUNCTIONS.has(fn) ? 'timestamps and durations are not available in a cost' : undefined;
    throw new CelSyntaxError(why ?? `undeclared reference to '${fn}'`, at);
  }
  let result: CelType | undefined;
  for (const overload of overloads) {
    if (overload.member !== (expr.target !== undefined) || (overload.across && !c.entered)) continue;
    const [type = DYN, ...params] = freshen([overload.result, ...overload.params], c.fresh++);
    if (!assignAll(c.bindings, typesOf(args), params)) continue;
    const bound = substitute(c.bindings, type);
    // Several signatures fit only where arguments are dynamic; then the first one's type stands if all agree.
    if (result === undefined) result = bound;
    else if (printType(result) !== printType(bound)) result = DYN;
  }
  if (result === undefined) throw noOverload(c, expr, args);
  if (fn === '_[_]') checkQualifier(args[1]);
  return { kind: 'call', at, fn, args, type: result };
}

/** cel-go plans a constant index ahead and takes only what can qualify a field there. */
function checkQualifier(index: CelNode | undefined): void {
  if (index?.kind !== 'const' || !['null', 'type', 'bytes'].includes(index.value.kind)) return;
  throw new CelSyntaxError(`invalid qualifier type: ${index.value.kind}`, index.at);
}

function typesOf(nodes: readonly CelNode[]): CelType[] {
  return nodes.map((node) => node.type);
}

function noOverload(c: Checker, expr: CelExpr & { kind: 'call' }, args: readonly CelNode[]): CelSyntaxError {
  const types = args.map((arg) => printType(finish(c.bindings, arg.type)));
  const shown = expr.target === undefined ? `(${types.join(', ')})` : `${types[0]}.(${types.slice(1).join(', ')})`;
  return new CelSyntaxError(`found no matching overload for '${expr.fn}' applied to '${shown}'`, expr.at);
}

function inferList(c: Checker, expr: CelExpr & { kind: 'list' }, scope: Scope | undefined): CelNode {
  let type: CelType | undefined;
  const elements = expr.elements.map((element) => {
    const node = infer(c, element, scope);
    type = join(c, type, node.type);
    return node;
  });
  return { ...expr, elements, type: listOf(type ?? free(c)) };
}

function inferMap(c: Checker, expr: CelExpr & { kind: 'map' }, scope: Scope | undefined): CelNode {
  let keyType: CelType | undefined;
  let valueType: CelType | undefined;
  const entries = expr.entries.map(([k, v]) => {
    const key = infer(c, k, scope);
    keyType = join(c, keyType, key.type);
    const value = infer(c, v, scope);
    valueType = join(c, valueType, value.type);
    return [key, value] as const;
  });
  return { ...expr, entries, type: mapOf(keyType ?? free(c), valueType ?? free(c)) };
}

/** The common type of a literal's members so far: dynamic where they differ. */
function join(c: Checker, before: CelType | undefined, type: CelType): CelType {
  if (before === undefined) return type;
  return assignAll(c.bindings, [before], [type]) ? mostGeneral(before, type) : DYN;
}

/** A type that later uses may fix: that of an empty literal's members. */
function free(c: Checker): CelType {
  return { kind: 'param', name: `E${c.fresh++}` };
}

function inferFold(c: Checker, expr: CelExpr & { kind: 'fold' }, scope: Scope | undefined): CelNode {
  const range = infer(c, expr.range, scope);
  const init = infer(c, expr.init, scope);
  const type = elementType(c, range);
  c.entered = true;
  const outer: Scope = { name: ACCUMULATOR, type: init.type, outer: scope };
  const inner: Scope = { name: expr.variable, type, outer };
  const condition = expectType(c, infer(c, expr.condition, inner), BOOL);
  const step = expectType(c, infer(c, expr.step, inner), init.type);
  const result = infer(c, expr.result, outer);
  return { ...expr, range, init, condition, step, result, type: substitute(c.bindings, result.type) };
}

function elementType(c: Checker, range: CelNode): CelType {
  const type = substitute(c.bindings, range.type);
  if (type.kind === 'list') return type.element;
  if (type.kind === 'map') return type.key;
  if (type.kind === 'param') assignAll(c.bindings, [DYN], [type]);
  else if (type.kind !== 'dyn') {
    throw new CelSyntaxError(
      `expression of type '${printType(type)}' cannot be range of a comprehension (must be list, map, or dynamic)`,
      range.at,
    );
  }
  return DYN;
}

function expectType(c: Checker, node: CelNode, type: CelType): CelNode {
  if (assignAll(c.bindings, [node.type], [type])) return node;
  const expected = printType(finish(c.bindings, type));
  throw new CelSyntaxError(
    `expected type '${expected}' but found '${printType(finish(c.bindings, node.type))}'`,
    node.at,
  );
}

/** Puts the final types in: a later use may have told what an earlier one is. */
function finished(bindings: Bindings, node: CelNode): CelNode {
  const type = finish(bindings, node.type);
  const go = (child: CelNode): CelNode => finished(bindings, child);
  switch (node.kind) {
    case 'select':
      return { ...node, type, operand: go(node.operand) };
    case 'call':
      return { ...node, type, args: node.args.map(go) };
    case 'list':
      return { ...node, type, elements: node.elements.map(go) };
    case 'map':
      return { ...node, type, entries: node.entries.map(([key, value]) => [go(key), go(value)] as const) };
    case 'fold':
      return {
        ...node,
        type,
        range: go(node.range),
        init: go(node.init),
        condition: go(node.condition),
        step: go(node.step),
        result: go(node.result),
      };
    default:
      return { ...node, type };
  }
}
