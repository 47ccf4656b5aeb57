/** A label selector as Kubernetes writes it. */
export interface Selector {
  readonly matchLabels?: Readonly<Record<string, string>>;
  readonly matchExpressions?: readonly {
    readonly key: string;
    readonly operator: string;
    readonly values?: readonly string[];
  }[];
}

/** Whether labels satisfy all conditions of a selector; an empty one takes everything. */
export function matchesLabels(selector: Selector, labels: Readonly<Record<string, string>>): boolean {
  const value = (key: string): string | undefined => (Object.hasOwn(labels, key) ? labels[key] : undefined);
  const isEqual = Object.entries(selector.matchLabels ?? {}).every(([key, wanted]) => value(key) === wanted);
  return isEqual && (selector.matchExpressions ?? []).every((one) => matchesExpression(one, value(one.key)));
}

function matchesExpression(
  { operator, values = [] }: NonNullable<Selector['matchExpressions']>[number],
  value: string | undefined,
): boolean {
  if (operator === 'In') return value !== undefined && values.includes(value);
  if (operator === 'NotIn') return value === undefined || !values.includes(value);
  if (operator === 'Exists') return value !== undefined;
  if (operator === 'DoesNotExist') return value === undefined;
  // Nobody can say what an unknown operator means, so it selects nothing.
  return false;
}
