import type { CostIr, ReserveIr } from '../ir/index.ts';
import { compileCost } from '../lib/cel.ts';
import { InvariantError } from '../lib/errors.ts';
import { createLru } from '../lib/lru.ts';
import { emitCostLua } from './cost-lua.ts';
import type { ReserveFacts } from './lua-facts.ts';

/** A cost as the script computes it; none where `costProblem` has something to say. */
export function costFacts(cost: CostIr): { key: string; count?: string; lua?: string }[] {
  if (cost.value.kind === 'count') return [{ key: cost.metadataKey, count: cost.value.count }];
  const lua = costLua(cost.value.expression);
  return lua.ok ? [{ key: cost.metadataKey, lua: lua.lua }] : [];
}

/** A cost that counts in any case: one that the script cannot compute is that of the tokens. */
export function surelyFacts(cost: CostIr): { key: string; count?: string; lua?: string } {
  return costFacts(cost)[0] ?? { key: cost.metadataKey, count: 'total' };
}

/** What a request reserves, noted under a key. */
export function reserveFacts(reserve: ReserveIr, key: string): ReserveFacts {
  if (reserve.kind === 'number') return { key, number: reserve.number };
  const { cost, output } = reserve;
  return { ...surelyFacts({ metadataKey: key, value: cost }), ...(output !== undefined && { output }) };
}

/** Why Envoy cannot compute a cost that is valid as such. */
export function costProblem(cost: CostIr): string | undefined {
  if (cost.value.kind === 'count') return undefined;
  const lua = costLua(cost.value.expression);
  return lua.ok ? undefined : lua.message;
}

// All rules of a route share its expressions, each for every API they serve, and again in every revision.
const compiledCosts = createLru<ReturnType<typeof emitCostLua>>(1024);

function costLua(expression: string): ReturnType<typeof emitCostLua> {
  return compiledCosts.take(expression, () => {
    const compiled = compileCost(expression);
    if (!compiled.ok) throw new InvariantError(`a cost was not checked: ${compiled.message}`);
    return emitCostLua(compiled.cost.ast);
  });
}
