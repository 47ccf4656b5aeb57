import type { ApiEndpoint, ApiFamily, BackendIr, InferenceBackendIr, InferenceRuleIr } from '../ir/index.ts';
import { API_CLASSES, API_FAMILIES, type ApiClass, endpointIn, type ServingMode, servingMode } from './api-classes.ts';
import type { CompileOptions } from './options.ts';

/** The backends of a rule that serve an endpoint, in their order. */
export interface Serving {
  readonly members: readonly { readonly ref: InferenceBackendIr; readonly mode: ServingMode }[];
  /** Only backends that need the processor serve it, and that is down. */
  readonly isDown: boolean;
}

/** What the requests to some endpoints meet: those of a family, of a class, or a single one. */
export interface ServedClasses {
  /** What the API header begins with. */
  readonly prefix: string;
  readonly family: ApiFamily;
  readonly serving: Serving;
}

/**
 * Who serves what of a rule. The answer that most classes of a family share stands under the name of the family, so that
 * most rules need one entry a family. A class has one entry unless a backend lacks some endpoints of its schema.
 */
export function servedClasses(
  rule: InferenceRuleIr,
  backends: ReadonlyMap<string, BackendIr>,
  options: Pick<CompileOptions, 'processor'>,
): ServedClasses[] {
  return API_FAMILIES.flatMap((family) => {
    const entries = API_CLASSES.filter((apiClass) => apiClass.family === family).flatMap((apiClass) =>
      entriesOf(rule, apiClass, backends, options),
    );
    const count = (one: string): number => entries.filter(({ identity }) => identity === one).length;
    const [common] = [...entries].sort((a, b) => count(b.identity) - count(a.identity));
    if (common === undefined) return [];
    const others = entries.filter(({ identity }) => identity !== common.identity);
    return [{ ...common, prefix: family }, ...others];
  });
}

type Entry = ServedClasses & { readonly identity: string };

function entriesOf(
  rule: InferenceRuleIr,
  apiClass: ApiClass,
  backends: ReadonlyMap<string, BackendIr>,
  options: Pick<CompileOptions, 'processor'>,
): Entry[] {
  const entries = apiClass.endpoints.map((endpoint): Entry => {
    const serving = servingOf(rule, endpoint, backends, options);
    const prefix = endpointIn(apiClass, endpoint);
    return { prefix, family: apiClass.family, serving, identity: identityOf(rule, serving) };
  });
  const [first] = entries;
  const isOne = first && entries.every(({ identity }) => identity === first.identity);
  return isOne ? [{ ...first, prefix: apiClass.name }] : entries;
}

function servingOf(
  rule: InferenceRuleIr,
  endpoint: ApiEndpoint,
  backends: ReadonlyMap<string, BackendIr>,
  { processor }: Pick<CompileOptions, 'processor'>,
): Serving {
  const all = rule.backends.flatMap((ref) => {
    const provider = backends.get(ref.backend)?.provider;
    const mode = provider && servingMode(provider, endpoint);
    return mode === undefined || (mode === 'translated' && processor === undefined) ? [] : [{ ref, mode }];
  });
  const members = processor?.isDown === true ? all.filter(({ mode }) => mode === 'native') : all;
  return { members, isDown: members.length < all.length && members.length === 0 };
}

function identityOf(rule: InferenceRuleIr, { members, isDown }: Serving): string {
  return `${isDown} ${members.map(({ ref, mode }) => `${rule.backends.indexOf(ref)} ${mode}`).join()}`;
}
