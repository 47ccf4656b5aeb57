import { type ModelIr, modelOf, type RouteIr } from '../../ir/index.ts';
import { aiGatewayRouteKind, isValidOf } from '../../resources/index.ts';
import { createdAt, parseSeconds } from '../objects.ts';
import type { RouteSource } from './routes.ts';

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
