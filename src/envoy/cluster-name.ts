import type { InferenceBackendIr, InferenceRuleIr, MirrorIr } from '../ir/index.ts';

/** A mirror is a cluster of its own: no route tells it what its requests are. */
export function mirrorClusterName({ name }: InferenceRuleIr, { backend }: MirrorIr): string {
  return `${backend}/${name}/mirror`;
}

/** Through which copies get there on Envoys before 1.40. */
export function mirrorEntranceName(rule: InferenceRuleIr, mirror: MirrorIr): string {
  return `${mirrorClusterName(rule, mirror)}/entrance`;
}

/**
 * A rule may name one backend twice with different models. The script tells references apart by their cluster, so each
 * further one gets a cluster of its own.
 */
export function clusterName(rule: InferenceRuleIr, ref: InferenceBackendIr): string {
  const same = rule.backends.filter((candidate) => candidate.backend === ref.backend);
  const index = same.indexOf(ref);
  return index <= 0 ? ref.backend : `${ref.backend}/${rule.name}/again/${index}`;
}
