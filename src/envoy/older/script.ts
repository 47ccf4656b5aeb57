import { readFileSync } from 'node:fs';
import { SCRIPT } from '../lua.ts';
import { LUA_FILTER } from '../names.ts';
import { type ExtensionsFiltersNetworkHttpConnectionManagerV3HttpFilter, typedAny } from '../schema/index.ts';

/**
 * The data path script for Envoys whose Lua filters have no context: each place has a text of its own, which is the
 * common script with what it does in that place behind it, and so a VM a worker of its own.
 */
export function olderScript(role: keyof typeof SCRIPTS): ExtensionsFiltersNetworkHttpConnectionManagerV3HttpFilter {
  return {
    name: LUA_FILTER,
    typed_config: typedAny('envoy.extensions.filters.http.lua.v3.Lua', {
      default_source_code: { inline_string: SCRIPTS[role] },
      clear_route_cache: false,
    }),
  };
}

const SCRIPTS = {
  listener: scriptOf('listener'),
  attempt: scriptOf('attempt'),
  translated: scriptOf('translated'),
} as const;

function scriptOf(role: string): string {
  return `${SCRIPT}\n${readFileSync(new URL(`./${role}.lua`, import.meta.url), 'utf8')}`;
}
