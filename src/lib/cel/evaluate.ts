import { ACCUMULATOR, type CelNode } from './ast.ts';
import { callFunction } from './functions.ts';
import { type CelResult, type CelValue, FALSE, fail, findInMap, mapKey, TRUE, text } from './values.ts';

/** Values by name: a frame a macro, over the inputs. */
interface Frame {
  readonly name: string;
  readonly value: CelResult;
  readonly outer: Frame | undefined;
}

/** Evaluates a checked expression. Errors are values, as in cel-go: `false && error` is false. */
export function evaluate(node: CelNode, inputs: ReadonlyMap<string, CelValue>, frame?: Frame): CelResult {
  switch (node.kind) {
    case 'const':
      return node.value;
    case 'variable':
      return inputs.get(node.name) ?? fail(`no such attribute(s): ${node.name}`);
    case 'local':
      return lookUp(frame, node.name);
    case 'select':
      return select(node, evaluate(node.operand, inputs, frame));
    case 'list':
      return allOf(node.elements, inputs, frame, (items) => ({ kind: 'list', items }));
    case 'map':
      return mapOfEntries(node, inputs, frame);
    case 'call':
      return call(node, inputs, frame);
    case 'fold':
      return fold(node, inputs, frame);
  }
}

type Inputs = ReadonlyMap<string, CelValue>;

function lookUp(frame: Frame | undefined, name: string): CelResult {
  for (let f = frame; f !== undefined; f = f.outer) if (f.name === name) return f.value;
  return fail(`no such attribute(s): ${name}`);
}

function allOf(
  nodes: readonly CelNode[],
  inputs: Inputs,
  frame: Frame | undefined,
  then: (values: CelValue[]) => CelResult,
): CelResult {
  const values: CelValue[] = [];
  for (const node of nodes) {
    const value = evaluate(node, inputs, frame);
    if (value.kind === 'error') return value;
    values.push(value);
  }
  return then(values);
}

function select(node: CelNode & { kind: 'select' }, operand: CelResult): CelResult {
  if (operand.kind === 'error') return operand;
  if (operand.kind !== 'map') return node.testOnly ? FALSE : fail('no such overload');
  const found = findInMap(operand, text(node.field));
  if (node.testOnly) return found === undefined ? FALSE : TRUE;
  return found ?? fail(`no such key: ${node.field}`);
}

function mapOfEntries(node: CelNode & { kind: 'map' }, inputs: Inputs, frame: Frame | undefined): CelResult {
  const flat = node.entries.flat();
  return allOf(flat, inputs, frame, (values) => {
    const entries = new Map<string, readonly [CelValue, CelValue]>();
    for (let i = 0; i + 1 < values.length; i += 2) {
      const [key, value] = [values[i], values[i + 1]];
      if (key === undefined || value === undefined) break;
      if (key.kind === 'bytes') return fail('unsupported key type');
      entries.set(mapKey(key) ?? `unfindable:${i}`, [key, value]);
    }
    return { kind: 'map', entries };
  });
}

function call(node: CelNode & { kind: 'call' }, inputs: Inputs, frame: Frame | undefined): CelResult {
  const [first, second, third] = node.args;
  if (first && second && (node.fn === '_&&_' || node.fn === '_||_')) {
    return logic(node.fn === '_||_', evaluate(first, inputs, frame), () => evaluate(second, inputs, frame));
  }
  if (first && node.fn === '@not_strictly_false') {
    const value = evaluate(first, inputs, frame);
    return value.kind === 'bool' ? value : TRUE;
  }
  if (first && second && third && node.fn === '_?_:_') {
    const condition = evaluate(first, inputs, frame);
    if (condition.kind === 'error') return condition;
    if (condition.kind !== 'bool') return fail('no such overload');
    return evaluate(condition.value ? second : third, inputs, frame);
  }
  return allOf(node.args, inputs, frame, (values) => callFunction(node.fn, values));
}

/** `&&` and `||`: the deciding value on either side wins over an error on the other. */
function logic(decides: boolean, left: CelResult, evaluateRight: () => CelResult): CelResult {
  if (left.kind === 'bool' && left.value === decides) return left;
  const right = evaluateRight();
  if (right.kind === 'bool' && right.value === decides) return right;
  if (left.kind === 'error') return left;
  if (right.kind === 'error') return right;
  if (left.kind !== 'bool' || right.kind !== 'bool') return fail('no such overload');
  return right;
}

function fold(node: CelNode & { kind: 'fold' }, inputs: Inputs, frame: Frame | undefined): CelResult {
  const range = evaluate(node.range, inputs, frame);
  if (range.kind === 'error') return range;
  if (range.kind !== 'list' && range.kind !== 'map') return fail('no such overload');
  const items = range.kind === 'list' ? range.items : [...range.entries.values()].map(([key]) => key);
  let accumulator = evaluate(node.init, inputs, frame);
  for (const item of items) {
    const outer: Frame = { name: ACCUMULATOR, value: accumulator, outer: frame };
    const inner: Frame = { name: node.variable, value: item, outer };
    const goesOn = evaluate(node.condition, inputs, inner);
    if (goesOn.kind === 'bool' && !goesOn.value) break;
    accumulator = evaluate(node.step, inputs, inner);
  }
  return evaluate(node.result, inputs, { name: ACCUMULATOR, value: accumulator, outer: frame });
}
