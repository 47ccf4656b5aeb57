import type { AssistantPart, Message, UserPart } from './conversation.ts';

/** Messages of one role after another, as one. */
export type Turn =
  | { readonly role: 'user'; readonly parts: readonly UserPart[] }
  | { readonly role: 'assistant'; readonly parts: readonly AssistantPart[] };

/**
 * Messages as turns that alternate, without empty ones. The results of tools stand first in a turn: Anthropic and Bedrock
 * want them right behind the calls.
 */
export function joinTurns(messages: readonly Message[]): Turn[] {
  const runs: Message[][] = [];
  for (const message of messages) {
    if (message.parts.length === 0) continue;
    const last = runs.at(-1);
    if (last?.[0]?.role === message.role) last.push(message);
    else runs.push([message]);
  }
  return runs.map((run) =>
    run[0]?.role === 'assistant'
      ? { role: 'assistant', parts: run.flatMap((message) => (message.role === 'assistant' ? message.parts : [])) }
      : { role: 'user', parts: resultsFirst(run.flatMap((message) => (message.role === 'user' ? message.parts : []))) },
  );
}

function resultsFirst(parts: readonly UserPart[]): readonly UserPart[] {
  const results = parts.filter(({ kind }) => kind === 'tool_result');
  if (results.length === 0 || results.length === parts.length) return parts;
  return [...results, ...parts.filter(({ kind }) => kind !== 'tool_result')];
}
