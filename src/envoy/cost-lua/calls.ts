import type { CelNode } from '../../lib/cel.ts';
import { canFail } from './can-fail.ts';
import { CannotCompile, type Emitter, use } from './emitter.ts';
import { literalMatches } from './pattern.ts';
import { luaString } from './text.ts';

/** An operator or function call in Lua; `go` writes an argument. Errors: throws `CannotCompile`. */
export function emitCall(e: Emitter, node: CelNode & { kind: 'call' }, go: (n: CelNode) => string): string {
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
