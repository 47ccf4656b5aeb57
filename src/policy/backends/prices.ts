import { parse } from 'yaml';
import type { PriceIr } from '../../ir/index.ts';
import { aiServiceBackendKind, configMapKind, type LoadedObject } from '../../resources/index.ts';
import type { Context } from '../context.ts';
import { keyOf } from '../objects.ts';
import { type Fields, fieldsOf } from '../routes/salvage.ts';
import type { ModelClaim } from '../unasked-models.ts';

/** `"true"` on a ConfigMap: its keys are AIServiceBackends of its namespace, its values what their models cost. */
const PRICES_LABEL = 'headgate.dev/prices';

const FIELDS = ['input', 'cachedInput', 'cacheCreationInput', 'output', 'request'] as const;
type Field = (typeof FIELDS)[number];

/** So that no price of an answer leaves the numbers that are exact everywhere. */
const MAX_PRICE = 1_000_000;

/** What a backend charges. `isWhole` is false where some of it cannot be read: money that is spent there cannot be told. */
export interface Prices {
  readonly list: readonly PriceIr[];
  readonly isWhole: boolean;
  readonly at: LoadedObject;
}

/** The prices of each backend, by `NAMESPACE/NAME`. What cannot be read is left out with a finding. */
export function readPrices(context: Context): ReadonlyMap<string, Prices> {
  const prices = new Map<string, Prices>();
  for (const configMap of context.index.all(configMapKind)) {
    if (configMap.object.metadata.labels?.[PRICES_LABEL] !== 'true') continue;
    for (const [name, text] of Object.entries(fieldsOf(fieldsOf(configMap.object).data)))
      readBackend(configMap, name, text, prices, context);
  }
  return prices;
}

/** The models that have prices. */
export function claimsOf(prices: ReadonlyMap<string, Prices>): ModelClaim[] {
  return [...prices].flatMap(([key, { list, at }]) =>
    list.flatMap(({ model }): ModelClaim[] => {
      if (model === undefined) return [];
      const path = ['data', key.slice(key.indexOf('/') + 1)];
      return [{ what: 'price', at, path, model, backends: [`AIServiceBackend/${key}`] }];
    }),
  );
}

function readBackend(
  configMap: LoadedObject,
  name: string,
  text: unknown,
  prices: Map<string, Prices>,
  { index, report }: Context,
): void {
  const path = ['data', name];
  const { namespace } = configMap.id;
  const backend = index.find(aiServiceBackendKind, namespace, name);
  if (!backend) {
    const hint = index.hint(aiServiceBackendKind, namespace, name);
    report.warning('HG0205', configMap, path, `no AIServiceBackend ${JSON.stringify(name)}`, { hint });
    return;
  }
  if (prices.has(keyOf(backend))) {
    report.warning('HG0206', configMap, path, `AIServiceBackend ${name} has prices in another ConfigMap already`, {
      hint: 'the older one wins, then the first by name',
    });
    return;
  }
  let isWhole = true;
  const refuse = (message: string): void => {
    isWhole = false;
    const hint = 'what counts money at this backend is not served until all of them are valid';
    report.error('HG0506', configMap, path, message, { hint });
  };
  const models = readYaml(text, refuse) ?? {};
  const list = Object.entries(models).flatMap(([model, value]) => readModel(model, value, refuse) ?? []);
  prices.set(keyOf(backend), { list, isWhole, at: configMap });
}

function readYaml(text: unknown, refuse: (message: string) => void): Fields | undefined {
  try {
    const value: unknown = typeof text === 'string' ? parse(text, { maxAliasCount: 0 }) : undefined;
    if (isFields(value)) return value;
    refuse('must be YAML of models with their prices');
  } catch (caught) {
    refuse(`is not YAML: ${caught instanceof Error ? (caught.message.split('\n')[0] ?? '') : String(caught)}`);
  }
  return undefined;
}

function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function readModel(model: string, value: unknown, refuse: (message: string) => void): PriceIr | undefined {
  const wrong = problemOf(value);
  if (wrong !== undefined || !isFields(value)) {
    refuse(`${model}: ${wrong ?? ''}`);
    return undefined;
  }
  const of = (field: Field): number | undefined => value[field] as number | undefined;
  const input = of('input') ?? 0;
  return {
    ...(model !== '*' && { model }),
    input,
    cachedInput: of('cachedInput') ?? input,
    cacheCreationInput: of('cacheCreationInput') ?? input,
    output: of('output') ?? 0,
    request: of('request') ?? 0,
  };
}

function problemOf(value: unknown): string | undefined {
  if (!isFields(value)) return `must be prices by name: ${FIELDS.join(', ')}`;
  for (const [field, price] of Object.entries(value)) {
    if (!(FIELDS as readonly string[]).includes(field)) return `${field} is not known (${FIELDS.join(', ')} are)`;
    if (typeof price !== 'number' || !(price >= 0 && price <= MAX_PRICE)) {
      return `${field} must be a number from 0 to ${MAX_PRICE}`;
    }
  }
  // An answer that costs nothing because a line is missing would pass every budget.
  if (value.input === undefined && value.output === undefined && value.request === undefined) {
    return 'needs at least one of input, output and request';
  }
  return undefined;
}
