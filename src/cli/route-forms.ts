import type { EnvoyResource } from '../envoy/index.ts';
import { TRANSLATED_LUA_FILTER } from '../envoy/names.ts';
import { isOlderForm, isOlderTranslation } from '../envoy/older/route.ts';
import type { GatewayIr } from '../ir/index.ts';

/** How Envoys of one version serve a rule. */
export interface RouteForm {
  readonly gateway: string;
  readonly listener: string;
  readonly host: string;
  /** `KIND/NAMESPACE/NAME/rule/N`. */
  readonly rule: string;
  readonly envoyVersion: string;
  /**
   * `native`: Envoy alone serves something of it. `older`: likewise, in the form for Envoys before 1.40. `translated`: all
   * by translation. `501`: what it needs is not there. `500`: its configuration is not usable.
   */
  readonly form: 'native' | 'older' | 'translated' | '501' | '500';
  /** APIs that it serves natively; empty for plain HTTP rules. */
  readonly apis: readonly string[];
  /** APIs that it serves by translation, at one backend at least. */
  readonly translatedApis: readonly string[];
  /** APIs that get 501 instead. */
  readonly refusedApis: readonly string[];
}

/** A route as it was compiled: `api` is the key of the map it stands in, `*` where it stands in none. */
interface CompiledRoute {
  readonly name: string;
  readonly api: string;
  readonly status?: number;
  readonly isTranslated: boolean;
  readonly isOlder: boolean;
}

/** The forms of a gateway's rules, read from what they were compiled to. */
export function routeForms(gateway: GatewayIr, resources: readonly EnvoyResource[], envoyVersion: string): RouteForm[] {
  const forms = new Map<string, RouteForm>();
  for (const listener of gateway.listeners) {
    for (const chain of listener.chains) {
      const config = resources.find(({ type, name }) => type === 'route' && name === chain.routeConfigName);
      const hosts = (config?.message as { virtual_hosts?: readonly { name: string; matcher?: unknown }[] } | undefined)
        ?.virtual_hosts;
      for (const host of chain.hosts) {
        const compiled = byRoute(hosts?.find(({ name }) => name === host.hostname)?.matcher);
        for (const route of host.routes) {
          const rule = route.name.replace(/\/match\/\d+$/, '');
          const place = { gateway: gateway.key, listener: chain.listenerName, host: host.hostname, rule, envoyVersion };
          const key = `${place.listener}\n${place.host}\n${rule}`;
          // All matches of a rule lead to the same action.
          if (!forms.has(key)) forms.set(key, { ...place, ...formOf(route.name, compiled) });
        }
      }
    }
  }
  return [...forms.values()];
}

function formOf(
  name: string,
  compiled: ReadonlyMap<string, readonly CompiledRoute[]>,
): Pick<RouteForm, 'form' | 'apis' | 'translatedApis' | 'refusedApis'> {
  const routes = compiled.get(name) ?? [];
  const served = routes.filter(({ status }) => status === undefined);
  const apisOf = (some: readonly CompiledRoute[]): string[] => some.map(({ api }) => api).filter((api) => api !== '*');
  const native = served.filter(({ isTranslated }) => !isTranslated);
  const translated = served.filter(({ isTranslated }) => isTranslated);
  const refusedApis = routes.filter(({ status, api }) => status === 501 && api !== '*').map(({ api }) => api);
  const unserved = routes.some(({ status }) => status === 501) ? '501' : '500';
  const byEnvoy = native.some(({ isOlder }) => isOlder) ? 'older' : 'native';
  const form = native.length > 0 ? byEnvoy : translated.length > 0 ? 'translated' : unserved;
  return { form, apis: apisOf(native), translatedApis: apisOf(translated), refusedApis };
}

/** Compiled routes by the name of the route they come from; one that answers 501 has its API behind the name. */
function byRoute(matcher: unknown): Map<string, CompiledRoute[]> {
  const found = new Map<string, CompiledRoute[]>();
  visit(matcher, '*', (route) => {
    const name =
      route.api !== '*' && route.name.endsWith(`/${route.api}`)
        ? route.name.slice(0, -route.api.length - 1)
        : route.name;
    found.set(name, [...(found.get(name) ?? []), route]);
  });
  return found;
}

function visit(value: unknown, api: string, add: (route: CompiledRoute) => void): void {
  if (Array.isArray(value)) {
    for (const item of value) visit(item, '*', add);
    return;
  }
  if (typeof value !== 'object' || value === null) return;
  const {
    '@type': type,
    name,
    direct_response: answer,
    metadata,
    typed_per_filter_config: filters = {},
  } = value as Record<string, unknown>;
  if (type === 'type.googleapis.com/envoy.config.route.v3.Route' && typeof name === 'string') {
    const status = (answer as { status?: number } | undefined)?.status;
    const isTranslated = Object.keys(filters as object).includes(TRANSLATED_LUA_FILTER) || isOlderTranslation(metadata);
    add({ name, api, isTranslated, isOlder: isOlderForm(metadata), ...(status !== undefined && { status }) });
    return;
  }
  for (const [key, item] of Object.entries(value)) {
    if (key === 'map' && typeof item === 'object' && item !== null) {
      for (const [entry, target] of Object.entries(item)) visit(target, entry, add);
    } else {
      visit(item, key === 'action' || key === 'typed_config' ? api : '*', add);
    }
  }
}
