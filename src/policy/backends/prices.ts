import { parse } from 'yaml';
import type { PriceIr } from '../../ir/index.ts';
import { aiServiceBackendKind, configMapKind, type LoadedObject } from '../../resources/index.ts';
import type { Context } from '../context.ts';
import { keyOf, validOf } from '../objects.ts';

/** `"true"` on a ConfigMap: its keys are AIServiceBackends of its namespace, its values what their models cost. */
const PRICES_LABEL = 'headgate.dev/prices';

const FIELDS = ['input', 'cachedInput', 'cacheCreationInput', 'output', 'request'] as const;
type Field = (typeof FIELDS)[number];

/** So that no price of an answer leaves the numbers that are exact everywhere. */
const MAX_PRICE = 1_000_000;

/** The prices of each backend, by `NAMESPACE/NAME`. What cannot be read is left out with a finding: its models have no price. */
export function readPrices(context: Context): ReadonlyMap<string, readonly PriceIr[]> {
  const prices = new Map<string, readonly PriceIr[]>();
  for (const configMap of validOf(context.index, configMapKind)) {
    if (configMap.object.metadata.labels?.[PRICES_LABEL] !== 'true') continue;
    for (const [name, text] of Object.entries(configMap.object.data ?? {}))
      readBackend(configMap, name, text ?? '', prices, context);
  }
  return prices;
}

function readBackend(
  configMap: LoadedObject,
  name: string,
  text: string,
  prices: Map<string, readonly PriceIr[]>,
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
  const refuse = (message: string): void => report.error('HG0506', configMap, path, message);
  const models = readYaml(text, refuse);
  if (!models) return;
  prices.set(
    keyOf(backend),
    Object.entries(models).flatMap(([model, value]) => readModel(model, value, refuse) ?? []),
  );
}

type Fields = Readonly<Record<string, unknown>>;

function readYaml(text: string, refuse: (message: string) => void): Fields | undefined {
  try {
    const value: unknown = parse(text, { maxAliasCount: 0 });
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
