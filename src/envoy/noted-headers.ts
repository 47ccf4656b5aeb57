/**
 * What limits look at of plain requests, noted on arrival: their routes change headers and paths on the way to a service,
 * and what is charged or given back at the end must be of the bucket that was asked. The script does it for inference.
 */

import type { RouteIr } from '../ir/index.ts';
import { PATH_KEY } from './limit-cel.ts';
import { LIMITS_NAMESPACE, PATH_HEADER } from './names.ts';
import { type Any, type ExtensionsFiltersNetworkHttpConnectionManagerV3HttpFilter, typedAny } from './schema/index.ts';

const FILTER = 'envoy.filters.http.header_to_metadata';
const CONFIG = 'envoy.extensions.filters.http.header_to_metadata.v3.Config';

/** Whether something of a request is looked at again when it has ended. */
export function notesHeaders({ action, limits }: RouteIr): boolean {
  return action.kind === 'forward' && limits?.global.some(({ response }) => response !== undefined) === true;
}

/** The filter; it does nothing on other routes. */
export function headerNoteFilter(): ExtensionsFiltersNetworkHttpConnectionManagerV3HttpFilter {
  return { name: FILTER, typed_config: typedAny(CONFIG, {}) };
}

/** What a route notes, under the name of the filter. */
export function routeHeaderNotes(route: RouteIr): { readonly [FILTER]: Any } | undefined {
  if (!notesHeaders(route)) return undefined;
  // With the method, which every request has, there is something to look into at all.
  const headers = new Map([[':method', ':method']]);
  for (const entry of route.limits?.global.flatMap(({ entries }) => entries) ?? []) {
    if (entry.kind === 'path_match') headers.set(PATH_KEY, PATH_HEADER);
    if (entry.kind === 'header' || entry.kind === 'header_match') headers.set(entry.name, entry.name);
  }
  const request_rules = [...headers]
    .sort()
    .map(([key, header]) => ({ header, on_header_present: { metadata_namespace: LIMITS_NAMESPACE, key } }));
  return { [FILTER]: typedAny(CONFIG, { request_rules }) };
}
