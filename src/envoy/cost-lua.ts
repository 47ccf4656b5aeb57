/**
 * Compiles a checked cost expression into Lua, so that a cost is computed inside of Envoy when a stream ends. In: the
 * checked tree of lib/cel. Out: a Lua chunk. No text of the user's reaches the chunk but through `luaString`.
 */
import type { CelNode, CelType, CelValue } from '../lib/cel.ts';
import { helperCode } from './cost-lua/helpers.ts';
import { literalMatches } from './cost-lua/pattern.ts';
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

class CannotCompile extends Error {
  readonly at: number;

  constructor(message: string, at: number) {
    super(message);
    this.at = at;
  }
}

interface Emitter {
  readonly helpers: Set<string>;
  /** Literals of lists and maps, built once when the chunk is loaded. */
  readonly constants: string[];
}

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
      return call(e, node, go);
    case 'fold':
      return fold(e, node, locals, depth + 1);
  }
}

function use(e: Emitter, helper: string): string {
  e.helpers.add(helper);
  return helper;
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

function call(e: Emitter, node: CelNode & { kind: 'call' }, go: (n: CelNode) => string): string {
  const [a, b, c] = node.args;
  if (a === undefined) throw new CannotCompile(`${node.fn} cannot run in Envoy`, node.at);
  if (b === undefined) return unary(e, node, a, go);
  if (c !== undefined) return conditional(node, [a, b, c], go);
  switch (node.fn) {
    case '_&&_':
    case '_||_':
      return logic(e, node, a, b, go);
    case '_==_':
      return equality(e, a, b, go);
    case '_!=_':
      return `(not ${equality(e, a, b, go)})`;
    case '_[_]':
      return `${use(e, a.type.kind === 'map' ? 'key' : 'at')}(${go(a)}, ${go(b)})`;
    case '@in':
      return b.type.kind === 'map' ? `(${go(b)}.vals[${go(a)}] ~= nil)` : `${use(e, 'has')}(${go(b)}, ${go(a)})`;
    case '_<_':
    case '_<=_':
    case '_>_':
    case '_>=_':
      return `(${orderable(e, a, go)} ${node.fn.slice(1, -1)} ${orderable(e, b, go)})`;
    case '_+_':
    case '_-_':
    case '_*_':
    case '_/_':
    case '_%_':
      return arithmetic(e, node, a, b, go);
    default:
      return textFunction(e, node, a, b, go);
  }
}

/** Plain `and` and `or` where only the last term can fail; else functions, so that a later term can outdo an error. */
function logic(
  e: Emitter,
  node: CelNode & { kind: 'call' },
  a: CelNode,
  b: CelNode,
  go: (n: CelNode) => string,
): string {
  const terms = chain(node, node.fn);
  const both = node.fn === '_&&_';
  if (!terms.slice(0, -1).some(canFail)) return `(${terms.map(go).join(both ? ' and ' : ' or ')})`;
  return `${use(e, both ? 'both' : 'either')}(${thunk(go(a))}, ${thunk(go(b))})`;
}

/** `a + b + c` as its terms: a chain is a deep tree, and Lua reads it without one. */
function chain(node: CelNode, fn: string): CelNode[] {
  const terms: CelNode[] = [];
  let rest = node;
  while (rest.kind === 'call' && rest.fn === fn && rest.args[0] !== undefined && rest.args[1] !== undefined) {
    terms.unshift(rest.args[1]);
    rest = rest.args[0];
  }
  return [rest, ...terms];
}

function thunk(expression: string): string {
  return `function() return ${expression} end`;
}

/** `and ... or` gives the wrong branch where the first is false, so bools take a function. */
function conditional(node: CelNode, parts: readonly [CelNode, CelNode, CelNode], go: (n: CelNode) => string): string {
  const [condition, yes, no] = [go(parts[0]), go(parts[1]), go(parts[2])];
  if (node.type.kind !== 'bool') return `(${condition} and ${yes} or ${no})`;
  return `(function() if ${condition} then return ${yes} else return ${no} end end)()`;
}

function equality(e: Emitter, a: CelNode, b: CelNode, go: (n: CelNode) => string): string {
  const nested = a.type.kind === 'list' || a.type.kind === 'map';
  return nested ? `${use(e, 'same')}(${go(a)}, ${go(b)})` : `(${go(a)} == ${go(b)})`;
}

function orderable(e: Emitter, node: CelNode, go: (n: CelNode) => string): string {
  if (node.type.kind === 'bool') return `${use(e, 'bit')}(${go(node)})`;
  if (node.type.kind === 'double' && node.kind !== 'const') return `${use(e, 'ordered')}(${go(node)})`;
  return go(node);
}

function arithmetic(
  e: Emitter,
  node: CelNode & { kind: 'call' },
  a: CelNode,
  b: CelNode,
  go: (n: CelNode) => string,
): string {
  const operator = node.fn.slice(1, -1);
  const kind = node.type.kind;
  if (kind === 'string') return `(${go(a)} .. ${go(b)})`;
  if (kind === 'list') return `${use(e, 'join')}(${go(a)}, ${go(b)})`;
  if (kind === 'double') return `(${go(a)} ${operator} ${go(b)})`;
  if (operator === '/') return `${use(e, 'div')}(${go(a)}, ${go(b)})`;
  if (operator === '%') return `${use(e, 'mod')}(${go(a)}, ${go(b)})`;
  const checked = use(e, kind === 'uint' ? 'cu' : 'ci');
  // Sums of unsigned numbers only grow: one check at the end sees every overflow.
  if (operator === '+' && kind === 'uint') return `${checked}(${chain(node, node.fn).map(go).join(' + ')})`;
  // Adding 0 turns the -0 of a product into 0.
  return `${checked}(${go(a)} ${operator} ${go(b)}${operator === '*' && kind === 'int' ? ' + 0' : ''})`;
}

function unary(e: Emitter, node: CelNode & { kind: 'call' }, a: CelNode, go: (n: CelNode) => string): string {
  const from = a.type.kind;
  switch (node.fn) {
    case '!_':
      return `(not ${go(a)})`;
    case '-_':
      return from === 'int' ? `(0 - ${go(a)})` : `(-${go(a)})`;
    case 'size':
      return from === 'string' ? `${use(e, 'runes')}(${go(a)})` : `${go(a)}.n`;
    case 'int':
      if (from === 'double') return `${use(e, 'ci')}(${use(e, 'trunc')}(${go(a)}))`;
      return from === 'string' ? `${use(e, 'itext')}(${go(a)})` : go(a);
    case 'uint':
      // The sign is looked at before the fraction goes: uint(-0.5) is an error.
      if (from === 'double') return `${use(e, 'trunc')}(${use(e, 'cu')}(${go(a)}))`;
      if (from === 'string') return `${use(e, 'utext')}(${go(a)})`;
      return from === 'int' ? `${use(e, 'cu')}(${go(a)})` : go(a);
    case 'double':
      if (from !== 'string') return go(a);
      break;
    case 'string':
      if (from === 'string') return go(a);
      if (from === 'bool') return `tostring(${go(a)})`;
      if (from === 'int' || from === 'uint') return `string.format("%.0f", ${go(a)})`;
      break;
    case 'bool':
      return from === 'bool' ? go(a) : `${use(e, 'btext')}(${go(a)})`;
  }
  throw new CannotCompile(`${node.fn}() of a ${from} cannot run in Envoy`, node.at);
}

function textFunction(
  e: Emitter,
  node: CelNode & { kind: 'call' },
  a: CelNode,
  b: CelNode,
  go: (n: CelNode) => string,
): string {
  const helper = { startsWith: 'starts', endsWith: 'ends', contains: 'contains' }[node.fn];
  if (helper !== undefined) return `${use(e, helper)}(${go(a)}, ${go(b)})`;
  if (node.fn !== 'matches') throw new CannotCompile(`${node.fn} cannot run in Envoy`, node.at);
  const ways = b.kind === 'const' && b.value.kind === 'string' ? literalMatches(b.value.value) : undefined;
  if (ways === undefined) {
    const hint = 'use startsWith, endsWith, contains, or a pattern of literals, ^, $ and |';
    throw new CannotCompile(`this regular expression cannot run in Envoy: ${hint}`, node.at);
  }
  const tests = ways.map(({ start, literal, end }) => {
    const text = luaString(literal);
    if (start && end) return `s == ${text}`;
    if (!start && !end) return `${use(e, 'contains')}(s, ${text})`;
    return `${use(e, start ? 'starts' : 'ends')}(s, ${text})`;
  });
  return `(function(s) return ${tests.join(' or ')} end)(${go(a)})`;
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

/** False where an evaluation surely gives a value, so that plain `and` and `or` do. */
function canFail(node: CelNode): boolean {
  switch (node.kind) {
    case 'const':
    case 'variable':
    case 'local':
      return false;
    case 'select':
      return !node.testOnly || canFail(node.operand);
    case 'list':
      return node.elements.some(canFail);
    case 'map':
      return node.entries.flat().some(canFail);
    case 'fold':
      return true;
    case 'call':
      return !isTotal(node) || node.args.some(canFail);
  }
}

function isTotal(node: CelNode & { kind: 'call' }): boolean {
  const types = node.args.map((arg) => arg.type.kind);
  switch (node.fn) {
    case '_<_':
    case '_<=_':
    case '_>_':
    case '_>=_':
      return !types.includes('double');
    case '_+_':
      return ['string', 'list', 'double'].includes(node.type.kind);
    default:
      return [
        ...['_&&_', '_||_', '!_', '_?_:_', '_==_', '_!=_', '@in', 'size'],
        ...['startsWith', 'endsWith', 'contains', 'matches', 'string', 'double'],
      ].includes(node.fn);
  }
}
