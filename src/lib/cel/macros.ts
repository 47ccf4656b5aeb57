import { ACCUMULATOR, type CelExpr, CelSyntaxError } from './ast.ts';
import { FALSE, TRUE } from './values.ts';

/** Expands `has(a.b)`. Shape: nothing where the call is no macro. Errors: throws `CelSyntaxError`. */
export function expandGlobalMacro(name: string, args: readonly CelExpr[], at: number): CelExpr | undefined {
  const [field] = args;
  if (name !== 'has' || args.length !== 1 || field === undefined) return undefined;
  if (field.kind !== 'select' || field.testOnly) throw new CelSyntaxError('invalid argument to has() macro', at);
  return { ...field, testOnly: true };
}

/** Expands the macros over lists and maps into folds, as cel-go does, so that errors behave the same. */
export function expandMemberMacro(
  name: string,
  range: CelExpr,
  args: readonly CelExpr[],
  at: number,
): CelExpr | undefined {
  const [first, second, third] = args;
  if (first === undefined || second === undefined || args.length > 3) return undefined;
  if (args.length === 3 && name !== 'map') return undefined;
  const parts = foldParts(name, first, second, third, at);
  if (!parts) return undefined;
  if (first.kind !== 'ident') throw new CelSyntaxError('argument must be a simple name', first.at);
  if (first.name === '__result__') {
    throw new CelSyntaxError('iteration variable overwrites accumulator variable', first.at);
  }
  return { kind: 'fold', at, range, variable: first.name, ...parts };
}

type FoldParts = Pick<CelExpr & { kind: 'fold' }, 'init' | 'condition' | 'step' | 'result'>;

function foldParts(
  name: string,
  element: CelExpr,
  body: CelExpr,
  transform: CelExpr | undefined,
  at: number,
): FoldParts | undefined {
  const accumulator: CelExpr = { kind: 'ident', at, name: ACCUMULATOR };
  const yes: CelExpr = { kind: 'const', at, value: TRUE };
  const no: CelExpr = { kind: 'const', at, value: FALSE };
  const call = (fn: string, ...args: CelExpr[]): CelExpr => ({ kind: 'call', at, fn, args });
  const number = (value: bigint): CelExpr => ({ kind: 'const', at, value: { kind: 'int', value } });
  const append = (item: CelExpr): CelExpr => call('_+_', accumulator, { kind: 'list', at, elements: [item] });
  const collect = (step: CelExpr): FoldParts => ({
    init: { kind: 'list', at, elements: [] },
    condition: yes,
    step,
    result: accumulator,
  });
  switch (name) {
    case 'all':
      return {
        init: yes,
        condition: call('@not_strictly_false', accumulator),
        step: call('_&&_', accumulator, body),
        result: accumulator,
      };
    case 'exists':
      return {
        init: no,
        condition: call('@not_strictly_false', call('!_', accumulator)),
        step: call('_||_', accumulator, body),
        result: accumulator,
      };
    case 'exists_one':
      return {
        init: number(0n),
        condition: yes,
        step: call('_?_:_', body, call('_+_', accumulator, number(1n)), accumulator),
        result: call('_==_', accumulator, number(1n)),
      };
    case 'filter':
      return collect(call('_?_:_', body, append(element), accumulator));
    case 'map':
      if (transform === undefined) return collect(append(body));
      return collect(call('_?_:_', body, append(transform), accumulator));
    default:
      return undefined;
  }
}
