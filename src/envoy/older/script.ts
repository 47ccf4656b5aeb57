import { readFileSync } from 'node:fs';
import { luaString } from '../cost-lua/text.ts';
import { SCRIPT, scriptFilter } from '../lua.ts';
import { LUA_FILTER } from '../names.ts';
import type { PlainFilter } from '../skip-filter.ts';

/**
 * The data path script for Envoys whose Lua filters have no context: each place has a text of its own, which is the
 * common script with what it does in that place behind it, and so a VM a worker of its own.
 */
export function olderScript(role: keyof typeof SCRIPTS): PlainFilter {
  return scriptFilter(LUA_FILTER, SCRIPTS[role]);
}

/** That of one mirror, whose facts (JSON) stand in its text. */
export function mirrorScript(facts: string): PlainFilter {
  return scriptFilter(LUA_FILTER, `${SCRIPTS.attempt}\nlocal MIRROR = ${luaString(facts)}\n${MIRROR}`);
}

const SCRIPTS = {
  listener: scriptOf('listener'),
  attempt: scriptOf('attempt'),
  translated: scriptOf('translated'),
} as const;

const MIRROR = partOf('mirror');

function scriptOf(role: string): string {
  return `${SCRIPT}\n${partOf(role)}`;
}

function partOf(role: string): string {
  return readFileSync(new URL(`./${role}.lua`, import.meta.url), 'utf8');
}
