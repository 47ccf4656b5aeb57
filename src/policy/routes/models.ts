import type { ModelIr, RouteIr } from '../../ir/index.ts';
import { aiGatewayRouteKind, isValidOf } from '../../resources/index.ts';
import { createdAt, parseSeconds } from '../objects.ts';
import type { RouteSource } from './routes.ts';

/** Header that stands for the model a request asks for. */
export const MODEL_HEADER = 'x-ai-eg-model';

/** The model of a match, if it takes one by its exact name. */
export function modelOf({ match }: Pick<RouteIr, 'match'>): string | undefined {
  return match.headers.find(({ name, type }) => name === MODEL_HEADER && type === 'exact')?.value;
}

/**
 * The models of a host: those that its rules name exactly and can serve, in the order of routes and rules; of two with
 * one name, the first. A model without any creation time has 0: the time of reading would make every revision differ.
 */
export function listModels(
  routes: readonly { readonly source: RouteSource; readonly rule: number; readonly route: RouteIr }[],
): ModelIr[] {
  const models = new Map<string, ModelIr>();
  for (const { source, rule, route } of routes) {
    const id = modelOf(route);
    if (id === undefined || models.has(id) || route.action.kind !== 'inference') continue;
    const { loaded } = source;
    if (!isValidOf(loaded, aiGatewayRouteKind)) continue;
    const fields = loaded.object.spec.rules[rule];
    models.set(id, {
      id,
      ownedBy: fields?.modelsOwnedBy ?? '',
      created: parseSeconds(fields?.modelsCreatedAt) ?? createdAt(loaded.object) ?? 0,
    });
  }
  return [...models.values()];
}
