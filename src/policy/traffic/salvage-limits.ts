import type { BackendTrafficPolicy, LoadedObject } from '../../resources/index.ts';
import { fieldsOf, itemsOf, textOf } from '../routes/salvage.ts';

/**
 * What remains of a policy that its schema refuses, where it wanted to limit something: whom it targets. Those must not be
 * served as if nobody had limited them. Undefined where it limits nothing.
 */
export function salvageLimits({
  id,
  object,
  valid,
  locate,
}: LoadedObject): LoadedObject<BackendTrafficPolicy> | undefined {
  const spec = fieldsOf(fieldsOf(object).spec);
  if (spec.rateLimit === undefined || spec.rateLimit === null) return undefined;
  const refs = [spec.targetRef, ...itemsOf(spec.targetRefs)].map(fieldsOf);
  const targetRefs = refs.flatMap(({ kind, name, sectionName }) => {
    const [kindText, nameText, section] = [textOf(kind), textOf(name), textOf(sectionName)];
    if (kindText === undefined || nameText === undefined) return [];
    const group = 'gateway.networking.k8s.io';
    return [{ group, kind: kindText, name: nameText, ...(section !== undefined && { sectionName: section }) }];
  });
  const targetSelectors = itemsOf(spec.targetSelectors).map(fieldsOf).filter(isPlainSelector);
  const closed = { targetRefs, targetSelectors, rateLimit: { global: { rules: [] } } };
  return {
    id,
    object: { ...object, spec: closed } as unknown as BackendTrafficPolicy,
    valid,
    locate,
  } as LoadedObject<BackendTrafficPolicy>;
}

/** By labels alone. */
function isPlainSelector({ kind, matchLabels, ...rest }: Readonly<Record<string, unknown>>): boolean {
  const others = Object.keys(rest).filter((key) => key !== 'group');
  return (
    others.length === 0 &&
    textOf(kind) !== undefined &&
    Object.values(fieldsOf(matchLabels)).every((value) => typeof value === 'string')
  );
}
