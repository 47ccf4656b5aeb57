import type { ModelFactsIr, ProviderIr } from '../ir/index.ts';

/** What the user says of a model, over what the folders of providers know. */
export function saidOfModel(model: string, provider: ProviderIr | undefined): ModelFactsIr | undefined {
  return provider?.modelFacts?.find(({ models }) => matchesPattern(model, models));
}

/** The name that tells what a model is: its own, unless the user says that it is like another one. */
export function tellingName(model: string, provider: ProviderIr | undefined): string {
  return saidOfModel(model, provider)?.like ?? model;
}

/** Compares a name with a pattern in which `*` is anything; without a regular expression, since patterns are the user's. */
export function matchesPattern(name: string, pattern: string): boolean {
  const [first = '', ...rest] = pattern.split('*');
  if (!name.startsWith(first)) return false;
  let at = first.length;
  for (const [i, piece] of rest.entries()) {
    if (i === rest.length - 1) return piece === '' || (name.length - piece.length >= at && name.endsWith(piece));
    const found = name.indexOf(piece, at);
    if (found === -1) return false;
    at = found + piece.length;
  }
  return at === name.length;
}
