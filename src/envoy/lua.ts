import { readFileSync } from 'node:fs';
import { canonicalJson, contentHash } from '../lib/hash.ts';
import type { BackendFacts, RoleFacts, RouteFacts, UnreadFacts } from './lua-facts.ts';
import { LUA_FILTER } from './names.ts';
import {
  type ConfigCoreV3Metadata,
  type ExtensionsFiltersHttpLuaV3Lua,
  type JsonValue,
  typedAny,
} from './schema/index.ts';
import type { PlainFilter } from './skip-filter.ts';

/** The data path script: an asset of this room, read once. */
export const SCRIPT = readFileSync(new URL('./lua/gateway.lua', import.meta.url), 'utf8');

/** The script as a filter of a connection manager, or of a cluster whose facts it is told. */
export function luaFilter(facts?: BackendFacts | RoleFacts): PlainFilter {
  return scriptFilter(LUA_FILTER, SCRIPT, {
    ...(facts && { filter_context: versioned(facts) }),
    // One VM a worker for all of these filters: less memory, and what an attempt learns is known to the next request.
    shared_vm_id: 'headgate',
  });
}

/** A script as a filter under this name. */
export function scriptFilter(
  name: string,
  inline_string: string,
  more: Pick<ExtensionsFiltersHttpLuaV3Lua, 'filter_context' | 'shared_vm_id'> = {},
): PlainFilter {
  return {
    name,
    typed_config: typedAny('envoy.extensions.filters.http.lua.v3.Lua', {
      default_source_code: { inline_string },
      ...more,
      clear_route_cache: false,
    }),
  };
}

/** Facts of a route, as metadata under the name of the filter that reads them. */
export function routeFactsMetadata(facts: RouteFacts | UnreadFacts): ConfigCoreV3Metadata {
  return { filter_metadata: { [LUA_FILTER]: versioned(facts) } };
}

/** As text: Envoy copies the filter context at each call of the script, and a Struct of this size costs some microseconds. */
function versioned(facts: object): { [key: string]: JsonValue } {
  const text = canonicalJson(facts);
  return { version: contentHash(text), facts: text };
}
