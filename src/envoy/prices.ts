/** Prices of backends, for routes with a cost that uses them. */
import {
  type BackendIr,
  type CostIr,
  countsMoney,
  type InferenceBackendIr,
  type InferenceRuleIr,
  modelOf,
  type PriceIr,
  type ReserveIr,
  type RouteIr,
} from '../ir/index.ts';
import type { Finding } from '../lib/findings.ts';
import type { PriceFacts } from './lua-facts.ts';

/** What the script is told, by the name of the backend that users see; undefined where no cost uses a price. */
export function pricesOf(
  route: RouteIr,
  rule: InferenceRuleIr,
  refs: readonly InferenceBackendIr[],
  backends: ReadonlyMap<string, BackendIr>,
): PriceFacts | undefined {
  const used = refs.flatMap((ref) => backends.get(ref.backend) ?? []);
  if (!costsOf(route, rule, used).some(countsMoney)) return undefined;
  const facts: Record<string, Record<string, readonly number[]>> = {};
  for (const ref of refs) {
    const backend = backends.get(ref.backend);
    if (!backend) continue;
    const own = facts[backend.displayName] ?? {};
    facts[backend.displayName] = own;
    for (const price of pricesFor(ref, backend)) own[price.model ?? '*'] = numbersOf(price);
  }
  return facts;
}

/** Of a reference that sets the model one price can be meant; of others, all. */
function pricesFor({ modelOverride }: InferenceBackendIr, { prices = [] }: BackendIr): readonly PriceIr[] {
  if (modelOverride === undefined) return prices;
  const own = prices.find(({ model }) => model === modelOverride) ?? prices.find(({ model }) => model === undefined);
  return own ? [{ ...own, model: modelOverride }] : [];
}

/** In the order in which the script takes them; a price for a million tokens is one in millionths for a token. */
function numbersOf({ input, cachedInput, cacheCreationInput, output, request }: PriceIr): readonly number[] {
  return [input, cachedInput, cacheCreationInput, output, request * 1_000_000];
}

/** All costs of a route: what it computes, what its limits reserve and what quotas charge. */
function costsOf({ limits }: RouteIr, rule: InferenceRuleIr, used: readonly BackendIr[]): CostIr['value'][] {
  return [
    ...rule.costs.map(({ value }) => value),
    ...(limits?.global ?? []).flatMap(({ reserve }) => estimatesOf(reserve)),
    ...used.flatMap(({ quotas = [] }) => quotas.flatMap(({ cost, reserve }) => [cost, ...estimatesOf(reserve)])),
  ];
}

function estimatesOf(reserve: ReserveIr | undefined): CostIr['value'][] {
  return reserve?.kind === 'estimate' ? [reserve.cost] : [];
}

/** Says which backends have no price for what a route asks of them, where a cost needs one. */
export function priceFindings(
  route: RouteIr,
  rule: InferenceRuleIr,
  backends: ReadonlyMap<string, BackendIr>,
): Finding[] {
  const used = rule.backends.flatMap((ref) => backends.get(ref.backend) ?? []);
  if (!costsOf(route, rule, used).some(countsMoney)) return [];
  return rule.backends.flatMap((ref): Finding[] => {
    const backend = backends.get(ref.backend);
    const asked = ref.modelOverride ?? modelOf(route);
    const prices = backend?.prices ?? [];
    const isKnown = prices.some((price) => price.model === undefined || price.model === asked);
    if (!backend || isKnown) return [];
    const what = asked === undefined ? 'some models' : asked;
    const message = `a cost uses price, and ${backend.displayName} has none for ${what}: such a cost is left out`;
    const hint = 'add it to a ConfigMap with the label headgate.dev/prices';
    return [{ code: 'HG0507', level: 'warning', message, object: `AIGatewayRoute/${rule.route}`, field: 'spec', hint }];
  });
}
