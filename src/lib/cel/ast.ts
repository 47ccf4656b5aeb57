import type { CelType } from './types.ts';
import type { CelValue } from './values.ts';

/** A parsed expression, macros expanded, not yet checked. `at` is the offset in the source text. */
export type CelExpr =
  | { readonly kind: 'const'; readonly at: number; readonly value: CelValue }
  | { readonly kind: 'ident'; readonly at: number; readonly name: string }
  | {
      readonly kind: 'select';
      readonly at: number;
      readonly operand: CelExpr;
      readonly field: string;
      readonly testOnly: boolean;
    }
  | {
      readonly kind: 'call';
      readonly at: number;
      readonly fn: string;
      readonly target?: CelExpr;
      readonly args: readonly CelExpr[];
    }
  | { readonly kind: 'list'; readonly at: number; readonly elements: readonly CelExpr[] }
  | { readonly kind: 'map'; readonly at: number; readonly entries: readonly (readonly [CelExpr, CelExpr])[] }
  | (FoldOf<CelExpr> & { readonly at: number });

/** What every macro but `has` becomes: walks a range and carries one accumulator named `ACCUMULATOR`. */
interface FoldOf<N> {
  readonly kind: 'fold';
  readonly range: N;
  readonly variable: string;
  readonly init: N;
  readonly condition: N;
  readonly step: N;
  readonly result: N;
}

/** The accumulator's name inside of a fold: no user can write it. */
export const ACCUMULATOR = '@result';

/**
 * A checked expression: every node has its type. Operators are calls under cel-go's names (`_+_`, `_?_:_`, `!_`, `-_`,
 * `_[_]`, `@in`); a member call's receiver is the first argument. `variable` is an input, `local` a macro's variable.
 */
export type CelNode = { readonly type: CelType; readonly at: number } & (
  | { readonly kind: 'const'; readonly value: CelValue }
  | { readonly kind: 'variable' | 'local'; readonly name: string }
  | { readonly kind: 'select'; readonly operand: CelNode; readonly field: string; readonly testOnly: boolean }
  | { readonly kind: 'call'; readonly fn: string; readonly args: readonly CelNode[] }
  | { readonly kind: 'list'; readonly elements: readonly CelNode[] }
  | { readonly kind: 'map'; readonly entries: readonly (readonly [CelNode, CelNode])[] }
  | FoldOf<CelNode>
);

/** The text is not a CEL expression, or its types do not fit. Caught where an expression is compiled. */
export class CelSyntaxError extends Error {
  readonly at: number;

  constructor(message: string, at: number) {
    super(message);
    this.name = 'CelSyntaxError';
    this.at = at;
  }
}
