import type { CostIr, TokenCount } from '../../ir/index.ts';
import { compileCost } from '../../lib/cel.ts';
import type { FieldPath } from '../../lib/findings.ts';
import type { LLMRequestCost, LoadedObject } from '../../resources/index.ts';
import type { Report } from '../report.ts';

const COUNTS: Readonly<Record<Exclude<LLMRequestCost['type'], 'CEL'>, TokenCount>> = {
  InputToken: 'input',
  OutputToken: 'output',
  TotalToken: 'total',
  CachedInputToken: 'cached',
  CacheCreationInputToken: 'cache_creation',
  ReasoningToken: 'reasoning',
};

/** The costs of an object; `isWhole` is false where one of them is not valid and so missing. */
export interface Costs {
  readonly costs: readonly CostIr[];
  readonly isWhole: boolean;
}

/** Reads a list of costs, with a finding for each that is not valid. */
export function readCosts(costs: readonly LLMRequestCost[], at: LoadedObject, path: FieldPath, report: Report): Costs {
  const out = new Map<string, CostIr>();
  let isWhole = true;
  for (const [index, cost] of costs.entries()) {
    const { metadataKey } = cost;
    const value = readCost(cost, at, [...path, index], report);
    if (!value) {
      isWhole = false;
      continue;
    }
    if (out.has(metadataKey)) {
      const message = `metadataKey ${JSON.stringify(metadataKey)} stands twice; the first counts`;
      report.error('HG0501', at, [...path, index, 'metadataKey'], message);
    } else {
      out.set(metadataKey, { metadataKey, value });
    }
  }
  return { costs: [...out.values()], isWhole };
}

function readCost(
  cost: LLMRequestCost,
  at: LoadedObject,
  path: FieldPath,
  report: Report,
): CostIr['value'] | undefined {
  const { type, cel } = cost;
  if (type !== 'CEL') return { kind: 'count', count: COUNTS[type] };
  if (cel === undefined || cel.trim() === '') {
    report.error('HG0501', at, path, 'type CEL needs cel');
    return undefined;
  }
  const compiled = compileCost(cel);
  if (compiled.ok) return { kind: 'cel', expression: cel };
  const where = compiled.position === undefined ? '' : ` (at character ${compiled.position + 1})`;
  report.error('HG0501', at, [...path, 'cel'], `${compiled.message}${where}`, {
    hint: /\d\.\d/.test(cel)
      ? 'token counts are uint: divide by whole numbers such as 10u, or convert with double()'
      : undefined,
  });
  return undefined;
}

/** The costs of a route: its own, then the defaults of the gateway under other keys. */
export function mergeCosts(own: readonly CostIr[], defaults: readonly CostIr[]): CostIr[] {
  const keys = new Set(own.map((cost) => cost.metadataKey));
  return [...own, ...defaults.filter((cost) => !keys.has(cost.metadataKey))];
}
