/** Host names of listeners and routes: `*` (any), `*.example.com` (all below), `api.example.com`. */

/** Whether every name that `inner` stands for is one that `outer` stands for. */
export function coversHostname(outer: string, inner: string): boolean {
  if (outer === '*' || outer === inner) return true;
  return outer.startsWith('*.') && inner.replace(/^\*/, '').endsWith(outer.slice(1)) && inner !== outer.slice(2);
}

/** The host names for which a listener serves a route; empty when they have none in common. */
export function intersectHostnames(listener: string, route: readonly string[]): string[] {
  if (route.length === 0) return [listener];
  const common = new Set<string>();
  for (const hostname of route) {
    if (coversHostname(listener, hostname)) common.add(hostname);
    else if (coversHostname(hostname, listener)) common.add(listener);
  }
  return [...common];
}

/** Orders host names as Envoy picks among them: names before wildcards, longer wildcards first, `*` last. */
export function compareHostnames(a: string, b: string): number {
  const rank = (name: string): number => (name === '*' ? 2 : name.startsWith('*.') ? 1 : 0);
  return rank(a) - rank(b) || (rank(a) === 1 ? b.length - a.length : 0) || (a < b ? -1 : a > b ? 1 : 0);
}

/** The most specific of the host names that cover one. */
export function mostSpecific(candidates: readonly string[], hostname: string): string | undefined {
  return candidates.filter((candidate) => coversHostname(candidate, hostname)).sort(compareHostnames)[0];
}
