import { type CelNode, COST_PRICE } from '../../lib/cel.ts';

/** False where an evaluation surely gives a value, so that plain `and` and `or` do. */
export function canFail(node: CelNode): boolean {
  switch (node.kind) {
    case 'variable':
      return node.name === COST_PRICE;
    case 'const':
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
