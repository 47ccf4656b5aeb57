/**
 * What a request reserved whose asker gave it up: an Envoy that waits no longer, or whose client has left. It has not seen
 * the answer's mark, so it gives nothing back at the end, and the service does it here.
 */
import type { Asked } from './asked.ts';
import type { Plan } from './plan.ts';
import type { BucketChange } from './store/store.ts';

/** The changes that take back what a request reserves; none where it reserves nothing, or settles what another one did. */
export function takenBack(asked: readonly Asked[], { changes, changeOf }: Plan): BucketChange[] {
  if (asked.some(({ descriptor }) => descriptor.isNegativeHits)) return [];
  const reserving = new Set(changeOf.filter((_, i) => asked[i]?.reservedAt !== undefined));
  return changes.filter(({ delta }, i) => reserving.has(i) && delta > 0).map((one) => ({ ...one, delta: -one.delta }));
}

/** The same request as one that gives back, to be taken note of. */
export function asGivenBack(asked: readonly Asked[]): Asked[] {
  return asked.map((one) => ({ ...one, descriptor: { ...one.descriptor, isNegativeHits: true } }));
}

/** Does something once when a request is counted and has been given up, in whatever order. */
export function onceGivenUp(
  onGivenUp: ((act: () => void) => void) | undefined,
  act: () => void,
): { readonly counted: () => void } {
  let isCounted = false;
  let isGivenUp = false;
  onGivenUp?.(() => {
    isGivenUp = true;
    if (isCounted) act();
  });
  return {
    counted() {
      isCounted = true;
      if (isGivenUp) act();
    },
  };
}
