import type { Environment } from './environment.ts';

/** A reference to a variable: `${NAME}`, `${NAME:=default}`, `${NAME:-default}`; a `$` before it escapes it. */
const REFERENCE = /\$(\$?)\{([A-Za-z_][A-Za-z0-9_]*)(?::[=-]([^}]*))?\}/g;

/** What came of replacing the variables of one scalar. */
export interface Substitution {
  readonly text: string;
  /** True where the whole scalar was one reference, so that its value decides its type. */
  readonly whole: boolean;
  /** Names of variables that are not set and have no default. */
  readonly unset: readonly string[];
}

/**
 * Replaces the variables of one scalar.
 * Shape: `undefined` when nothing in the text refers to a variable. A default stands in for a variable that is unset or
 * empty, as in a shell; `$${NAME}` stays as `${NAME}`; text of any other form is left alone.
 */
export function substituteVariables(text: string, env: Environment): Substitution | undefined {
  if (!text.includes('${')) return undefined;
  const unset: string[] = [];
  let found = false;
  let whole = false;
  const replaced = text.replace(REFERENCE, (match: string, escaped: string, name: string, fallback?: string) => {
    found = true;
    if (escaped !== '') return match.slice(1);
    whole = match.length === text.length;
    const value = env[name];
    if (fallback !== undefined) return value === undefined || value === '' ? fallback : value;
    if (value === undefined) unset.push(name);
    return value ?? '';
  });
  return found ? { text: replaced, whole, unset } : undefined;
}
