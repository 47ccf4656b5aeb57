/**
 * Cost expressions in CEL, with the types, errors and results of cel-go's standard environment. A parser, checker and
 * evaluator of our own: the libraries at hand differ from cel-go in grammar (precedence of `==`, nested ternaries),
 * in uint arithmetic or in the checker, and a cost must not mean something else here. test/cel-oracle compares.
 */
import { type CelNode, CelSyntaxError } from './cel/ast.ts';
import { check } from './cel/check.ts';
import { evaluate } from './cel/evaluate.ts';
import { estimateWork, MAX_DEPTH, MAX_LENGTH, MAX_WORK } from './cel/limits.ts';
import { parse } from './cel/parser.ts';
import { type CelType, printType, STRING, UINT } from './cel/types.ts';
import type { CelValue } from './cel/values.ts';

export type { CelNode } from './cel/ast.ts';
export type { CelType } from './cel/types.ts';
export type { CelValue } from './cel/values.ts';

export const COST_NAMES = ['model', 'backend', 'route_name'] as const;
export const COST_COUNTS = [
  'input_tokens',
  'cached_input_tokens',
  'cache_creation_input_tokens',
  'output_tokens',
  'total_tokens',
  'reasoning_tokens',
] as const;

/** What the answer costs by the prices of the backend that gave it, in millionths of the currency's unit. */
export const COST_PRICE = 'price';

/** What a cost expression can read. Counts are unsigned 64-bit integers. */
export type CostInputs = Readonly<Record<(typeof COST_NAMES)[number], string>> &
  Readonly<Record<(typeof COST_COUNTS)[number], bigint>> & {
    /** Absent: no price is known, and what uses it fails. */
    readonly [COST_PRICE]?: bigint;
  };

export type CostResult = { readonly value: bigint } | { readonly error: string };

/** A compiled cost expression. `ast` is its checked form, for compiling it into something else. */
export interface CostProgram {
  readonly expression: string;
  readonly ast: CelNode;
  evaluate(inputs: CostInputs): CostResult;
}

export type CompiledCost =
  | { readonly ok: true; readonly cost: CostProgram }
  | { readonly ok: false; readonly message: string; readonly position?: number };

const VARIABLES: ReadonlyMap<string, CelType> = new Map<string, CelType>([
  ...COST_NAMES.map((name) => [name, STRING] as const),
  ...COST_COUNTS.map((name) => [name, UINT] as const),
  [COST_PRICE, UINT],
]);

/** The inputs of the trial run at load: an expression that fails on them (`1u / input_tokens`) is refused. */
const DRY_RUN: CostInputs = {
  model: 'dummy',
  backend: 'dummy',
  route_name: 'dummy',
  input_tokens: 0n,
  cached_input_tokens: 0n,
  cache_creation_input_tokens: 0n,
  output_tokens: 0n,
  total_tokens: 0n,
  reasoning_tokens: 0n,
  [COST_PRICE]: 0n,
};

/**
 * Compiles a cost expression and tries it with zeros. Shape: the program, or what is wrong with it; `position` is the
 * character offset in the expression where that is known.
 */
export function compileCost(expression: string): CompiledCost {
  if (expression.length > MAX_LENGTH) {
    return { ok: false, message: `the expression is longer than ${MAX_LENGTH} characters` };
  }
  try {
    return tried(program(expression, check(parse(expression, MAX_DEPTH), VARIABLES)));
  } catch (error) {
    if (!(error instanceof CelSyntaxError)) throw error;
    return { ok: false, message: error.message, position: error.at };
  }
}

function program(expression: string, ast: CelNode): CostProgram {
  return { expression, ast, evaluate: (inputs) => run(ast, inputs) };
}

function tried(cost: CostProgram): CompiledCost {
  const { type } = cost.ast;
  if (type.kind !== 'int' && type.kind !== 'uint' && type.kind !== 'dyn') {
    return { ok: false, message: `a cost must be an int or a uint, the expression gives ${printType(type)}` };
  }
  if (estimateWork(cost.ast) > MAX_WORK) return { ok: false, message: 'the expression may take too long to evaluate' };
  const result = cost.evaluate(DRY_RUN);
  if ('value' in result) return { ok: true, cost };
  return { ok: false, message: `the expression fails when all counts are zero: ${result.error}` };
}

function run(ast: CelNode, inputs: CostInputs): CostResult {
  const values = new Map<string, CelValue>();
  for (const name of COST_NAMES) values.set(name, { kind: 'string', value: inputs[name] });
  for (const name of COST_COUNTS) values.set(name, { kind: 'uint', value: inputs[name] });
  const price = inputs[COST_PRICE];
  if (price !== undefined) values.set(COST_PRICE, { kind: 'uint', value: price });
  const result = evaluate(ast, values);
  if (result.kind === 'error') return { error: result.message };
  if (result.kind !== 'int' && result.kind !== 'uint')
    return { error: `the result is not an integer but ${result.kind}` };
  return result.value < 0n ? { error: `the result is negative (${result.value})` } : { value: result.value };
}

/** Whether an expression looks at the price. */
export function usesPrice(node: CelNode): boolean {
  switch (node.kind) {
    case 'variable':
      return node.name === COST_PRICE;
    case 'const':
    case 'local':
      return false;
    case 'select':
      return usesPrice(node.operand);
    case 'list':
      return node.elements.some(usesPrice);
    case 'map':
      return node.entries.flat().some(usesPrice);
    case 'call':
      return node.args.some(usesPrice);
    case 'fold':
      return [node.range, node.init, node.condition, node.step, node.result].some(usesPrice);
  }
}
