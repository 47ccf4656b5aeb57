import { ACCUMULATOR, type CelNode } from './ast.ts';

/** Longest expression, in characters. */
export const MAX_LENGTH = 16_384;
/** Deepest nesting of brackets, calls and branches. */
export const MAX_DEPTH = 100;
/** Most operators, calls and selections in one expression. */
export const MAX_OPERATIONS = 1_000;
/** Most steps one evaluation may take, counted by `estimateWork`. */
export const MAX_WORK = 100_000;

/** Characters that are copied or compared in the time of one step. */
const CHARACTERS_PER_STEP = 16;
/** The weight of the longest name (model, backend, route) that is allowed for, and of the longest number as text. */
const NAME_WEIGHT = 512 / CHARACTERS_PER_STEP;
const NUMBER_WEIGHT = 32 / CHARACTERS_PER_STEP;

/**
 * How large a value is at most. `weight` counts every item in it and its characters by the sixteen, `count` its items
 * alone; `item` is the largest of them (a map's keys and values alike).
 */
interface Size {
  readonly weight: number;
  readonly count: number;
  readonly item?: Size;
}

interface Estimate {
  readonly work: number;
  readonly size: Size;
}

type Locals = ReadonlyMap<string, Size>;

const SCALAR: Size = { weight: 1, count: 0 };

/** An upper bound of the steps an evaluation takes, whatever the inputs: literals are all that macros can walk. */
export function estimateWork(node: CelNode): number {
  return estimate(node, new Map()).work;
}

function estimate(node: CelNode, locals: Locals): Estimate {
  switch (node.kind) {
    case 'const': {
      const { value } = node;
      const length = value.kind === 'string' || value.kind === 'bytes' ? value.value.length : 0;
      return { work: 1, size: { weight: 1 + length / CHARACTERS_PER_STEP, count: 0 } };
    }
    case 'variable':
      return { work: 1, size: node.type.kind === 'string' ? { weight: NAME_WEIGHT, count: 0 } : SCALAR };
    case 'local':
      return { work: 1, size: locals.get(node.name) ?? SCALAR };
    case 'select': {
      const operand = estimate(node.operand, locals);
      return { work: 1 + operand.work, size: node.testOnly ? SCALAR : (operand.size.item ?? operand.size) };
    }
    case 'list':
      return estimateAll(node.elements, node.elements.length, locals);
    case 'map':
      return estimateAll(node.entries.flat(), node.entries.length, locals);
    case 'call':
      return estimateCall(node, locals);
    case 'fold':
      return estimateFold(node, locals);
  }
}

/** The work of all nodes, and the size of a list of them. */
function estimateAll(nodes: readonly CelNode[], count: number, locals: Locals): Estimate {
  let work = 1;
  let weight = 1;
  let item: Size | undefined;
  for (const node of nodes) {
    const one = estimate(node, locals);
    work += one.work;
    weight += one.size.weight;
    item = larger(item, one.size);
  }
  return { work, size: item === undefined ? { weight, count } : { weight, count, item } };
}

function larger(a: Size | undefined, b: Size | undefined): Size | undefined {
  if (a === undefined || b === undefined) return a ?? b;
  const item = larger(a.item, b.item);
  const size = { weight: Math.max(a.weight, b.weight), count: Math.max(a.count, b.count) };
  return item === undefined ? size : { ...size, item };
}

/** Any call may walk all of its arguments once. */
function estimateCall(node: CelNode & { kind: 'call' }, locals: Locals): Estimate {
  const args = node.args.map((arg) => estimate(arg, locals));
  const work = args.reduce((sum, arg) => sum + arg.work + arg.size.weight, 1);
  return {
    work,
    size: resultSize(
      node,
      args.map((arg) => arg.size),
    ),
  };
}

function resultSize(node: CelNode & { kind: 'call' }, args: readonly Size[]): Size {
  if (['bool', 'int', 'uint', 'double', 'null', 'type'].includes(node.type.kind)) return SCALAR;
  const [first, second, third] = args;
  if (node.fn === '_[_]') return first?.item ?? first ?? SCALAR;
  if (node.fn === '_?_:_') return larger(second, third) ?? SCALAR;
  const sum: Size = {
    weight: args.reduce((total, arg) => total + arg.weight, node.fn === '_+_' ? 0 : NUMBER_WEIGHT),
    count: args.reduce((total, arg) => total + arg.count, 0),
  };
  const item = larger(first?.item, second?.item);
  return item === undefined ? sum : { ...sum, item };
}

function estimateFold(node: CelNode & { kind: 'fold' }, locals: Locals): Estimate {
  const range = estimate(node.range, locals);
  const init = estimate(node.init, locals);
  const empty: Size = { weight: 0, count: 0 };
  const inside = new Map(locals).set(node.variable, range.size.item ?? range.size).set(ACCUMULATOR, empty);
  const step = estimate(node.step, inside);
  const condition = estimate(node.condition, inside);
  // What a step adds is its size over an empty accumulator; appending copies what is there already.
  const rounds = Math.max(range.size.count, range.size.item ? 0 : range.size.weight);
  const weight = init.size.weight + rounds * step.size.weight;
  const counted: Size = { weight, count: init.size.count + rounds * step.size.count };
  const work = range.work + init.work + 1 + rounds * (step.work + condition.work + weight);
  return { work, size: step.size.item === undefined ? counted : { ...counted, item: step.size.item } };
}
