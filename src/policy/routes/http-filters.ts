import type { ForwardIr, HeaderEditIr, PathRewriteIr, RedirectIr } from '../../ir/index.ts';
import type { FieldPath } from '../../lib/findings.ts';
import type { HTTPRouteFilter, LoadedObject } from '../../resources/index.ts';
import type { Context } from '../context.ts';
import type { Report } from '../report.ts';
import { headerProblem } from './mutations.ts';

/** The filters of a rule or backend, put together. */
export interface Filters {
  readonly requestHeaders?: HeaderEditIr;
  readonly responseHeaders?: HeaderEditIr;
  readonly rewrite?: NonNullable<ForwardIr['rewrite']>;
  readonly redirect?: RedirectIr;
  readonly mirrors: readonly { readonly filter: MirrorFilter; readonly path: FieldPath }[];
}

export type MirrorFilter = NonNullable<HTTPRouteFilter['requestMirror']>;

/**
 * Reads a list of filters. `matched`: the prefix that a rewrite replaces.
 * Errors: undefined, with findings, when one of them cannot be done. Source: Gateway API: a filter is never skipped.
 */
export function readFilters(
  filters: readonly HTTPRouteFilter[],
  matched: string,
  at: LoadedObject,
  path: FieldPath,
  { report }: Context,
): Filters | undefined {
  let out: Filters = { mirrors: [] };
  let isValid = true;
  for (const [index, filter] of filters.entries()) {
    const next = addFilter(out, filter, matched, at, [...path, index], report);
    if (next) out = next;
    else isValid = false;
  }
  return isValid ? out : undefined;
}

function addFilter(
  out: Filters,
  filter: HTTPRouteFilter,
  matched: string,
  at: LoadedObject,
  path: FieldPath,
  report: Report,
): Filters | undefined {
  const { requestHeaderModifier, responseHeaderModifier, requestMirror, requestRedirect, urlRewrite } = filter;
  if (requestHeaderModifier) {
    const requestHeaders = readHeaderEdit(requestHeaderModifier, at, [...path, 'requestHeaderModifier'], report);
    return requestHeaders && { ...out, requestHeaders };
  }
  if (responseHeaderModifier) {
    const responseHeaders = readHeaderEdit(responseHeaderModifier, at, [...path, 'responseHeaderModifier'], report);
    return responseHeaders && { ...out, responseHeaders };
  }
  if (requestMirror) {
    const mirrorPath = [...path, 'requestMirror'];
    return { ...out, mirrors: [...out.mirrors, { filter: requestMirror, path: mirrorPath }] };
  }
  if (requestRedirect) {
    const { hostname, path: modifier, port, scheme, statusCode } = requestRedirect;
    if (!checkPath(modifier, at, [...path, 'requestRedirect', 'path'], report)) return undefined;
    const redirect: RedirectIr = {
      ...(scheme && { scheme }),
      ...(hostname !== undefined && { hostname }),
      ...(port !== undefined && { port }),
      ...(modifier && { path: readPathRewrite(modifier, matched) }),
      statusCode,
    };
    return { ...out, redirect };
  }
  if (urlRewrite) {
    const { hostname, path: modifier } = urlRewrite;
    if (!checkPath(modifier, at, [...path, 'urlRewrite', 'path'], report)) return undefined;
    const rewrite = {
      ...(hostname !== undefined && { hostname }),
      ...(modifier && { path: readPathRewrite(modifier, matched) }),
    };
    return { ...out, rewrite };
  }
  if (filter.type === 'CORS') {
    report.warning('HG0111', at, path, 'a CORS filter has no effect yet; browsers of other origins are refused');
    return out;
  }
  report.error('HG0207', at, path, `a filter of type ${filter.type} is not supported; its requests get 500`);
  return undefined;
}

type PathModifier = NonNullable<NonNullable<HTTPRouteFilter['urlRewrite']>['path']>;

/** Envoy refuses all routes for a control character here, and would send a blank as it is. */
function checkPath(modifier: PathModifier | undefined, at: LoadedObject, path: FieldPath, report: Report): boolean {
  if (/^[!-~]*$/.test(modifier?.replaceFullPath ?? modifier?.replacePrefixMatch ?? '')) return true;
  report.error('HG0307', at, path, 'the new path has characters that no path has', {
    hint: 'write them as %20 or the like',
  });
  return false;
}

function readPathRewrite(
  { type, replaceFullPath = '', replacePrefixMatch = '' }: PathModifier,
  matched: string,
): PathRewriteIr {
  if (type === 'ReplaceFullPath') return { kind: 'full', value: replaceFullPath };
  return { kind: 'prefix', matched, value: replacePrefixMatch };
}

type HeaderModifier = NonNullable<HTTPRouteFilter['requestHeaderModifier']>;

function readHeaderEdit(
  { set = [], add = [], remove = [] }: HeaderModifier,
  at: LoadedObject,
  path: FieldPath,
  report: Report,
): HeaderEditIr | undefined {
  const problems = [
    ...set.map(({ name, value }, i) => ({ place: ['set', i], problem: headerProblem(name, value) })),
    ...add.map(({ name, value }, i) => ({ place: ['add', i], problem: headerProblem(name, value) })),
    ...remove.map((name, i) => ({ place: ['remove', i], problem: headerProblem(name) })),
  ];
  for (const { place, problem } of problems) {
    if (problem !== undefined) report.error('HG0307', at, [...path, ...place], problem);
  }
  if (problems.some(({ problem }) => problem !== undefined)) return undefined;
  const lower = <T extends { readonly name: string }>(items: readonly T[]): T[] =>
    items.map((item) => ({ ...item, name: item.name.toLowerCase() }));
  return { set: lower(set), add: lower(add), remove: [...new Set(remove.map((name) => name.toLowerCase()))] };
}
