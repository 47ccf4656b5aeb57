import type { HostIr } from '../../ir/index.ts';
import { compareHostnames } from '../gateways/hostnames.ts';
import type { ListenerState } from '../gateways/listeners.ts';
import { listModels } from './models.ts';
import { compareRoutes, type HostRoute } from './precedence.ts';
import type { Shadows } from './shadows.ts';

/**
 * The hosts of one set of routes. As in Envoy, a request meets the most specific host alone: a route for `*` does not
 * take what a route for its very host leaves. Source: Gateway API, HTTPRoute hostnames; Envoy Gateway does the same.
 */
export function buildHosts(
  routes: readonly HostRoute[],
  listeners: readonly ListenerState[],
  shadows: Shadows,
): HostIr[] {
  const byHost = new Map<string, HostRoute[]>();
  // A listener takes the requests for its host name away from wider ones of the same port, with or without routes.
  if (listeners.length > 1) for (const { hostname } of listeners) byHost.set(hostname, []);
  for (const one of routes) {
    const list = byHost.get(one.hostname);
    if (list) list.push(one);
    else byHost.set(one.hostname, [one]);
  }
  return [...byHost]
    .sort(([a], [b]) => compareHostnames(a, b))
    .map(([hostname, own]) => {
      const inOrder = [...own].sort(
        (a, b) => a.order[0] - b.order[0] || a.order[1] - b.order[1] || a.order[2] - b.order[2],
      );
      const ranked = [...own].sort(compareRoutes);
      shadows.note(ranked);
      return { hostname, routes: ranked.map(({ route }) => route), models: listModels(inOrder) };
    });
}
