export type TokenCount = 'input' | 'output' | 'total' | 'cached' | 'cache_creation' | 'reasoning';

/** One `llmRequestCosts` entry. */
export interface CostIr {
  readonly metadataKey: string;
  readonly value:
    | { readonly kind: 'count'; readonly count: TokenCount }
    /** Checked by `policy`; `expression` type-checks as a cost. */
    | { readonly kind: 'cel'; readonly expression: string };
}
