import type { AssistantPart, Message, UserPart } from './conversation.ts';

/** Messages of one role after another, as one. */
export type Turn =
  | { readonly role: 'user'; readonly parts: readonly UserPart[] }
  | { readonly role: 'assistant'; readonly parts: readonly AssistantPart[] };

/**
 * Messages as turns that alternate, without empty ones. The results of tools stand first in a turn: Anthropic and Bedrock
 * want them right behind the calls. Shape: `keep` says which parts an API can be given; blank text never is.
 */
export function joinTurns(messages: readonly Message[], keep: (part: UserPart | AssistantPart) => boolean): Turn[] {
  const turns: { role: Message['role']; parts: (UserPart | AssistantPart)[] }[] = [];
  for (const { role, parts } of messages) {
    const last = turns[turns.length - 1];
    const isSame = last?.role === role;
    // A conversation of thousands of messages comes by here: no list is made for one that only says something.
    const kept: (UserPart | AssistantPart)[] = isSame ? last.parts : [];
    for (const part of parts) if (!isBlank(part) && keep(part)) kept.push(part);
    if (!isSame && kept.length > 0) turns.push({ role, parts: kept });
  }
  return turns.map(({ role, parts }, i) => {
    const isPrefill = role === 'assistant' && i === turns.length - 1;
    return { role, parts: resultsFirst(isPrefill ? withoutBlankEnd(parts) : parts) } as Turn;
  });
}

/** Claude refuses to go on with words that end in white space. */
function withoutBlankEnd(parts: readonly (UserPart | AssistantPart)[]): (UserPart | AssistantPart)[] {
  const last = parts.at(-1);
  if (last?.kind !== 'text') return [...parts];
  return [...parts.slice(0, -1), { ...last, text: last.text.trimEnd() }];
}

function isBlank(part: UserPart | AssistantPart): boolean {
  return (part.kind === 'text' || part.kind === 'refusal') && !/\S/.test(part.text);
}

function resultsFirst<Part extends UserPart | AssistantPart>(parts: readonly Part[]): readonly Part[] {
  if (!parts.some(({ kind }) => kind === 'tool_result')) return parts;
  const results = parts.filter(({ kind }) => kind === 'tool_result');
  return [...results, ...parts.filter(({ kind }) => kind !== 'tool_result')];
}
