import type { BackendIr, InferenceRuleIr } from '../../ir/index.ts';
import { type Capabilities, type EnvoyFeature, isOlder } from '../capabilities.ts';
import { type CompileOptions, doesTranslate } from '../options.ts';
import { servedClasses } from '../serving.ts';
import { isAskedOnce, usedBackends } from './route.ts';

/** What an older Envoy does not do of a rule: features without which it serves nothing of it, and what it leaves out. */
export interface Reduction {
  readonly lacking: readonly EnvoyFeature[];
  readonly leftOut: readonly string[];
}

/** What a policy that says nothing of parallel retries means by it. */
const UNSAID = 1024;

const TRANSLATION_NEEDS = ['ext_proc', 'internal_listener'] as const;

export function reductionOf(
  rule: InferenceRuleIr,
  backends: ReadonlyMap<string, BackendIr>,
  capabilities: Capabilities,
  options: Pick<CompileOptions, 'processor'>,
): Reduction {
  if (!isOlder(capabilities)) return { lacking: [], leftOut: [] };
  const members = servedClasses(rule, backends, options).flatMap(({ serving }) => serving.members);
  const namesOf = (chosen: readonly string[]): string =>
    [...new Set(chosen)].map((name) => backends.get(name)?.displayName ?? name).join(', ');
  const translated = doesTranslate(capabilities, options)
    ? []
    : members.filter(({ mode }) => mode === 'translated').map(({ ref }) => ref.backend);
  if (translated.length > 0 && translated.length === members.length)
    return { lacking: TRANSLATION_NEEDS.filter((feature) => !capabilities.features.has(feature)), leftOut: [] };
  const bounded = rule.backends
    .map(({ backend }) => backend)
    .filter((name) => (backends.get(name)?.connection.maxParallelRetries ?? UNSAID) !== UNSAID);
  return {
    lacking: [],
    leftOut: [
      ...(rule.mirror && !capabilities.features.has('internal_listener') ? ['its requests are not mirrored'] : []),
      ...(translated.length > 0 ? [`nothing is translated for ${namesOf(translated)}`] : []),
      ...(bounded.length > 0 && !isAskedOnce(rule, usedBackends(rule, backends))
        ? [`the limit on parallel retries at ${namesOf(bounded)} has no effect`]
        : []),
    ],
  };
}
