/** Quotas and prices of models that no route asks a backend for: most likely another name was meant. */
import { type Ir, modelOf } from '../ir/index.ts';
import type { FieldPath } from '../lib/findings.ts';
import { suggestWord } from '../lib/suggest.ts';
import type { LoadedObject } from '../resources/index.ts';
import type { Report } from './report.ts';

/** What an object says about a model, for some backends. */
export interface ModelClaim {
  readonly what: 'quota' | 'price';
  readonly at: LoadedObject;
  readonly path: FieldPath;
  readonly model: string;
  /** Names of backends in the Ir. */
  readonly backends: readonly string[];
}

/** Says which claims are about nothing. Of a backend that is asked for models by pattern, or not at all, nothing is said. */
export function reportUnasked(ir: Ir, claims: readonly ModelClaim[], report: Report): void {
  const asked = askedModels(ir);
  for (const { what, at, path, model, backends } of claims) {
    const models = backends.map((name) => asked.get(name));
    if (models.some((one) => one === undefined || one === 'any' || one.has(model))) continue;
    const known = models.flatMap((one) => (one === undefined || one === 'any' ? [] : [...one]));
    const meant = suggestWord(model, known);
    const hint = meant === undefined ? undefined : `did you mean ${JSON.stringify(meant)}?`;
    const whom = what === 'quota' ? 'a backend of this policy' : 'this backend';
    const message = `no route asks ${whom} for model ${JSON.stringify(model)}; its ${what} has no effect`;
    // Lists of prices have models for which there is no route yet.
    if (what === 'quota') report.warning('HG0503', at, path, message, { hint });
    else report.info('HG0508', at, path, message, { hint });
  }
}

/** By backend: the models that it is asked for. */
function askedModels({ gateways }: Ir): ReadonlyMap<string, ReadonlySet<string> | 'any'> {
  const asked = new Map<string, Set<string> | 'any'>();
  const routes = gateways.flatMap(({ listeners }) =>
    listeners.flatMap(({ chains }) => chains.flatMap(({ hosts }) => hosts.flatMap((host) => host.routes))),
  );
  for (const route of routes) {
    if (route.action.kind !== 'inference') continue;
    for (const { backend, modelOverride } of route.action.rule.backends) {
      const model = modelOverride ?? modelOf(route);
      const known = asked.get(backend) ?? new Set<string>();
      asked.set(backend, model === undefined || known === 'any' ? 'any' : known.add(model));
    }
  }
  return asked;
}
