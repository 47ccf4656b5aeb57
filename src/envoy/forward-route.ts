import { RE2JS } from 're2js';
import type { ForwardIr, HeaderEditIr, PathRewriteIr, RedirectIr, RouteIr } from '../ir/index.ts';
import { protoDuration } from '../lib/units.ts';
import { INTERNAL_HEADERS } from './names.ts';
import { retryPolicy } from './retry.ts';
import type {
  ConfigCoreV3HeaderValueOption,
  ConfigRouteV3RedirectAction,
  ConfigRouteV3Route,
  ConfigRouteV3RouteAction,
} from './schema/index.ts';

/** A cluster that does not exist: what is sent there gets 500, as Gateway API wants of references that do not resolve. */
export const INVALID_BACKEND = 'headgate/invalid-backend';

/** A rule of an HTTPRoute: plain HTTP to plain services. */
export function forwardRoute(route: RouteIr, forward: ForwardIr): ConfigRouteV3Route {
  return {
    name: route.name,
    match: { prefix: '/' },
    route: {
      ...target(forward),
      cluster_not_found_response_code: 'INTERNAL_SERVER_ERROR',
      timeout: protoDuration(forward.requestTimeoutMs),
      ...(forward.requestTimeoutMs === 0 && { idle_timeout: '3600s' }),
      ...rewrite(forward.rewrite),
      ...mirrors(forward),
      ...retries(forward),
      upgrade_configs: [{ upgrade_type: 'websocket' }],
    },
    ...headerEdits(forward.requestHeaders, 'request', INTERNAL_HEADERS),
    ...headerEdits(forward.responseHeaders, 'response', []),
  };
}

export function redirectRoute(route: RouteIr, redirect: RedirectIr): ConfigRouteV3Route {
  return { name: route.name, match: { prefix: '/' }, redirect: redirectAction(redirect) };
}

const REDIRECT_CODES = {
  301: 'MOVED_PERMANENTLY',
  302: 'FOUND',
  303: 'SEE_OTHER',
  307: 'TEMPORARY_REDIRECT',
  308: 'PERMANENT_REDIRECT',
} as const;

function redirectAction(redirect: RedirectIr): ConfigRouteV3RedirectAction {
  const { path } = redirect;
  return {
    response_code: REDIRECT_CODES[redirect.statusCode],
    ...(redirect.scheme !== undefined && { scheme_redirect: redirect.scheme }),
    ...(redirect.hostname !== undefined && { host_redirect: redirect.hostname }),
    ...(redirect.port !== undefined && { port_redirect: redirect.port }),
    ...(path?.kind === 'full' && { path_redirect: path.value }),
    ...(path?.kind === 'prefix' && { regex_rewrite: prefixRewrite(path) }),
  };
}

function target(forward: ForwardIr): ConfigRouteV3RouteAction {
  const total = forward.backends.reduce((sum, backend) => sum + backend.weight, 0) + forward.invalidWeight;
  const [only] = forward.backends;
  if (
    forward.backends.length === 1 &&
    forward.invalidWeight === 0 &&
    only &&
    !only.requestHeaders &&
    !only.responseHeaders
  ) {
    return { cluster: only.backend };
  }
  if (total === 0) return { cluster: INVALID_BACKEND };
  return {
    weighted_clusters: {
      clusters: [
        ...forward.backends.map((backend) => ({
          name: backend.backend,
          weight: backend.weight,
          ...headerEdits(backend.requestHeaders, 'request', []),
          ...headerEdits(backend.responseHeaders, 'response', []),
        })),
        ...(forward.invalidWeight > 0 ? [{ name: INVALID_BACKEND, weight: forward.invalidWeight }] : []),
      ],
    },
  };
}

function rewrite(change: ForwardIr['rewrite']): ConfigRouteV3RouteAction {
  const path = change?.path;
  return {
    ...(change?.hostname !== undefined && { host_rewrite_literal: change.hostname }),
    ...(path?.kind === 'full' && {
      regex_rewrite: { pattern: { regex: '^/[^?]*' }, substitution: escapeSubstitution(path.value) },
    }),
    ...(path?.kind === 'prefix' && { regex_rewrite: prefixRewrite(path) }),
  };
}

/** `/foo` -> `/bar` turns `/foo` into `/bar` and `/foo/x` into `/bar/x`; a replacement of `/` leaves no double slash. */
function prefixRewrite(path: Extract<PathRewriteIr, { kind: 'prefix' }>): {
  pattern: { regex: string };
  substitution: string;
} {
  const matched = path.matched.replace(/\/+$/, '');
  const value = path.value.replace(/\/+$/, '');
  if (value === '') return { pattern: { regex: `^${RE2JS.quote(matched)}/*` }, substitution: '/' };
  return { pattern: { regex: `^${RE2JS.quote(matched)}` }, substitution: escapeSubstitution(value) };
}

function escapeSubstitution(text: string): string {
  return text.replaceAll('\\', '\\\\');
}

function mirrors(forward: ForwardIr): ConfigRouteV3RouteAction {
  if (forward.mirrors.length === 0) return {};
  return {
    request_mirror_policies: forward.mirrors.map((mirror) => ({
      cluster: mirror.backend,
      runtime_fraction: { default_value: { numerator: Math.round(mirror.percent * 10_000), denominator: 'MILLION' } },
    })),
  };
}

function retries(forward: ForwardIr): ConfigRouteV3RouteAction {
  const { retry, backendRequestTimeoutMs: perTryTimeoutMs } = forward;
  const policy =
    retry && retryPolicy({ ...retry, ...(perTryTimeoutMs !== undefined && { perTryTimeoutMs }) }, 1, 0, undefined);
  if (policy) return { retry_policy: policy };
  return perTryTimeoutMs === undefined ? {} : { retry_policy: { per_try_timeout: protoDuration(perTryTimeoutMs) } };
}

type HeaderEdits<Side extends 'request' | 'response'> = {
  readonly [K in `${Side}_headers_to_add`]?: readonly ConfigCoreV3HeaderValueOption[];
} & { readonly [K in `${Side}_headers_to_remove`]?: readonly string[] };

function headerEdits<Side extends 'request' | 'response'>(
  edit: HeaderEditIr | undefined,
  side: Side,
  alsoRemoved: readonly string[],
): HeaderEdits<Side> {
  const added: ConfigCoreV3HeaderValueOption[] = [
    ...(edit?.set ?? []).map((header) => option(header, 'OVERWRITE_IF_EXISTS_OR_ADD')),
    ...(edit?.add ?? []).map((header) => option(header, 'APPEND_IF_EXISTS_OR_ADD')),
  ];
  const removed = [...alsoRemoved, ...(edit?.remove ?? [])];
  return {
    ...(added.length > 0 && { [`${side}_headers_to_add`]: added }),
    ...(removed.length > 0 && { [`${side}_headers_to_remove`]: removed }),
  } as HeaderEdits<Side>;
}

function option(
  header: { readonly name: string; readonly value: string },
  action: NonNullable<ConfigCoreV3HeaderValueOption['append_action']>,
): ConfigCoreV3HeaderValueOption {
  // A percent sign would begin a command of Envoy's formatter.
  return {
    header: { key: header.name, value: header.value.replaceAll('%', '%%') },
    append_action: action,
    keep_empty_value: true,
  };
}
