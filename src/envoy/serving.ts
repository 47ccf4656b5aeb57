import type { ApiFamily, BackendIr, InferenceBackendIr, InferenceRuleIr } from '../ir/index.ts';
import { API_CLASSES, API_FAMILIES, type ApiClass, type ServingMode, servingMode } from './api-classes.ts';
import type { CompileOptions } from './options.ts';

/** The backends of a rule that serve one class of endpoints, in their order. */
export interface Serving {
  readonly members: readonly { readonly ref: InferenceBackendIr; readonly mode: ServingMode }[];
  /** Only backends that need the processor serve it, and that is down. */
  readonly isDown: boolean;
}

/** What the requests of some classes meet: those of `family`, or the one class of that name. */
export interface ServedClasses {
  /** What the API header begins with. */
  readonly prefix: string;
  readonly family: ApiFamily;
  readonly serving: Serving;
}

/**
 * Who serves what of a rule. The answer that most classes of a family share stands under the name of the family, so that
 * most rules need one entry a family.
 */
export function servedClasses(
  rule: InferenceRuleIr,
  backends: ReadonlyMap<string, BackendIr>,
  options: Pick<CompileOptions, 'processor'>,
): ServedClasses[] {
  return API_FAMILIES.flatMap((family) => {
    const entries = API_CLASSES.filter((apiClass) => apiClass.family === family).map((apiClass) => {
      const serving = servingOf(rule, apiClass, backends, options);
      return { prefix: apiClass.name, family, serving, identity: identityOf(rule, serving) };
    });
    const count = (one: string): number => entries.filter(({ identity }) => identity === one).length;
    const [common] = [...entries].sort((a, b) => count(b.identity) - count(a.identity));
    if (common === undefined) return [];
    const others = entries.filter(({ identity }) => identity !== common.identity);
    return [{ ...common, prefix: family }, ...others];
  });
}

function servingOf(
  rule: InferenceRuleIr,
  apiClass: ApiClass,
  backends: ReadonlyMap<string, BackendIr>,
  { processor }: Pick<CompileOptions, 'processor'>,
): Serving {
  const all = rule.backends.flatMap((ref) => {
    const provider = backends.get(ref.backend)?.provider;
    const mode = provider && servingMode(provider, apiClass);
    return mode === undefined || (mode === 'translated' && processor === undefined) ? [] : [{ ref, mode }];
  });
  const members = processor?.isDown === true ? all.filter(({ mode }) => mode === 'native') : all;
  return { members, isDown: members.length < all.length && members.length === 0 };
}

function identityOf(rule: InferenceRuleIr, { members, isDown }: Serving): string {
  return `${isDown} ${members.map(({ ref, mode }) => `${rule.backends.indexOf(ref)} ${mode}`).join()}`;
}
