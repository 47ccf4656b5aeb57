/**
 * Compiles a checked cost expression into Lua, so that a cost is computed inside of Envoy when a stream ends. In: the
 * checked tree of lib/cel. Out: a Lua chunk. No text of the user's reaches the chunk but through `luaString`.
 */
import { type CelNode, type CelType, type CelValue, COST_PRICE } from '../lib/cel.ts';
import { emitCall } from './cost-lua/calls.ts';
import { CannotCompile, type Emitter, use } from './cost-lua/emitter.ts';
import { helperCode } from './cost-lua/helpers.ts';
import { luaString } from './cost-lua/text.ts';

/**
 * `lua` is a chunk that returns `function(counts, model, backend, route_name)`: the cost as a number, or nil and why
 * there is none. `counts` has the fields named by `COUNT_FIELDS`, all numbers.
 */
export type CostLua =
  | { readonly ok: true; readonly lua: string }
  | { readonly ok: false; readonly message: string; readonly position: number };

/** The fields of `counts`, by the name of the variable. */
export const COUNT_FIELDS: Readonly<Record<string, string>> = {
  input_tokens: 'input',
  cached_input_tokens: 'cached',
  cache_creation_input_tokens: 'cache_creation',
  output_tokens: 'output',
  total_tokens: 'total',
  reasoning_tokens: 'reasoning',
};

const NAMES: ReadonlySet<string> = new Set(['model', 'backend', 'route_name']);
const EXACT = 2n ** 53n;
/** LuaJIT parses at most 200 levels; one level of an expression takes up to three. */
const MAX_DEPTH = 60;

/** A macro's variables in Lua: user names never become Lua names. */
type Locals = ReadonlyMap<string, string>;

/** Errors: `ok: false` for what has no exact counterpart in Lua: dynamic values, bytes, types, regular expressions. */
export function emitCostLua(ast: CelNode): CostLua {
  const emitter: Emitter = { helpers: new Set(), constants: [] };
  try {
    const body = emit(emitter, ast, new Map(), 0);
    return { ok: true, lua: chunk(emitter, body) };
  } catch (error) {
    if (!(error instanceof CannotCompile)) throw error;
    return { ok: false, message: error.message, position: error.at };
  }
}

function chunk(emitter: Emitter, body: string): string {
  const constants = emitter.constants.map((value, i) => `K[${i + 1}] = ${value}\n`).join('');
  return `${helperCode(emitter.helpers)}local K = {}
${constants}local function cost(counts, model, backend, route_name)
return ${body}
end
return function(counts, model, backend, route_name)
local ok, value = pcall(cost, counts, model, backend, route_name)
if not ok then return nil, value end
if value < 0 then return nil, "the result is negative (" .. string.format("%.0f", value) .. ")" end
return value
end
`;
}

function emit(e: Emitter, node: CelNode, locals: Locals, depth: number): string {
  if (depth > MAX_DEPTH) throw new CannotCompile('the expression is nested too deeply to run in Envoy', node.at);
  assertSupported(node.type, node.at);
  // A choice between bools becomes a function, which takes Lua more levels.
  const levels = node.kind === 'call' && node.fn === '_?_:_' && node.type.kind === 'bool' ? 2 : 1;
  const go = (child: CelNode): string => emit(e, child, locals, depth + levels);
  switch (node.kind) {
    case 'const':
      return constant(node.value, node.at);
    case 'variable':
      if (node.name === COST_PRICE) return `${use(e, 'price')}(counts)`;
      return NAMES.has(node.name) ? node.name : `counts.${COUNT_FIELDS[node.name] ?? 'unknown'}`;
    case 'local':
      return locals.get(node.name) ?? 'nil';
    case 'select': {
      const field = luaString(node.field);
      if (node.testOnly) return `(${go(node.operand)}.vals[${field}] ~= nil)`;
      return `${use(e, 'key')}(${go(node.operand)}, ${field})`;
    }
    case 'list':
    case 'map':
      return aggregate(e, node, go);
    case 'call':
      return emitCall(e, node, go);
    case 'fold':
      return fold(e, node, locals, depth + 1);
  }
}

function assertSupported(type: CelType, at: number): void {
  if (type.kind === 'map') {
    if (type.key.kind === 'double') throw new CannotCompile('maps with keys of type double cannot run in Envoy', at);
    assertSupported(type.key, at);
    assertSupported(type.value, at);
    return;
  }
  if (type.kind === 'list') {
    assertSupported(type.element, at);
    return;
  }
  if (['bool', 'int', 'uint', 'double', 'string'].includes(type.kind)) return;
  const what = type.kind === 'dyn' ? 'values of dynamic or mixed types' : `values of type ${type.kind}`;
  throw new CannotCompile(`${what} cannot run in Envoy`, at);
}

function constant(value: CelValue, at: number): string {
  switch (value.kind) {
    case 'bool':
      return String(value.value);
    case 'int':
    case 'uint':
      if (value.value >= EXACT || value.value <= -EXACT) {
        throw new CannotCompile('numbers of 2^53 and more cannot run in Envoy', at);
      }
      return value.value < 0n ? `(${value.value})` : String(value.value);
    case 'double':
      return Object.is(value.value, -0) ? '(-0)' : `(${value.value})`;
    case 'string':
      return luaString(value.value);
    default:
      throw new CannotCompile(`values of type ${value.kind} cannot run in Envoy`, at);
  }
}

function aggregate(e: Emitter, node: CelNode & { kind: 'list' | 'map' }, go: (n: CelNode) => string): string {
  let text: string;
  if (node.kind === 'list') {
    text = `({n = ${node.elements.length}, ${node.elements.map(go).join(', ')}})`;
  } else {
    const keys = node.entries.map(([key]) => go(key)).join(', ');
    const values = node.entries.map(([, value]) => go(value)).join(', ');
    text = `${use(e, 'map')}(${node.entries.length}, {${keys}}, {${values}})`;
  }
  if (!isConstant(node)) return text;
  e.constants.push(text);
  return `K[${e.constants.length}]`;
}

function isConstant(node: CelNode): boolean {
  if (node.kind === 'list') return node.elements.every(isConstant);
  if (node.kind === 'map') return node.entries.flat().every(isConstant);
  return node.kind === 'const';
}

function fold(e: Emitter, node: CelNode & { kind: 'fold' }, locals: Locals, depth: number): string {
  const item = `x${depth}`;
  const accumulator = `a${depth}`;
  const outer = new Map(locals).set('@result', accumulator);
  const inner = new Map(outer).set(node.variable, item);
  const go = (child: CelNode, scope: Locals): string => emit(e, child, scope, depth + 1);
  const source = go(node.range, locals);
  const range = node.range.type.kind === 'map' ? `${use(e, 'keys')}(${source})` : source;
  const { condition, step } = node;
  if (condition.kind === 'call' && step.kind === 'call' && step.args[1] !== undefined) {
    // all() and exists(): an error counts only if no item decides.
    return `${use(e, 'some')}(${range}, function(${item}) return ${go(step.args[1], inner)} end, ${step.fn === '_||_'})`;
  }
  return `(function(r)
local ${accumulator} = ${go(node.init, locals)}
for i = 1, r.n do
local ${item} = r[i]
${accumulator} = ${go(step, inner)}
end
return ${go(node.result, outer)}
end)(${range})`;
}
