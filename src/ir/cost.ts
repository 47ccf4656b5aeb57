import { compileCost, usesPrice } from '../lib/cel.ts';

export type TokenCount = 'input' | 'output' | 'total' | 'cached' | 'cache_creation' | 'reasoning';

/** One `llmRequestCosts` entry. */
export interface CostIr {
  readonly metadataKey: string;
  readonly value:
    | { readonly kind: 'count'; readonly count: TokenCount }
    /** Checked by `policy`; `expression` type-checks as a cost. */
    | { readonly kind: 'cel'; readonly expression: string };
}

/** Whether a cost is of money: it depends on prices. */
export function countsMoney(cost: CostIr['value']): boolean {
  if (cost.kind === 'count' || !cost.expression.includes('price')) return false;
  const compiled = compileCost(cost.expression);
  return compiled.ok && usesPrice(compiled.cost.ast);
}
