import type { ConversationRequest, JsonObject } from '../conversation.ts';
import type { Unsupported } from '../dialect.ts';
import { present } from '../json.ts';
import type { Turn } from '../turns.ts';
import type { ClaudeFacts } from './model-facts.ts';

/** What the API refuses below, and a fair start where a client asks for thinking without saying how much. */
const LEAST_BUDGET_TOKENS = 1024;

/** `thinking`, `output_config.effort` and `max_tokens` of a request, as the model takes them. */
export function writeReasoning(
  { reasoning, maxTokens }: ConversationRequest,
  turns: readonly Turn[],
  facts: ClaudeFacts,
  unsupported: Unsupported,
): { readonly thinking?: JsonObject; readonly effort?: string; readonly maxTokens: number } {
  const asked = writeThinking(reasoning, facts, unsupported);
  const thinking = asked?.type === 'enabled' && answersUnsigned(turns) ? undefined : asked;
  if (thinking !== asked) unsupported.add('thinking');
  const budget = typeof thinking?.budget_tokens === 'number' ? thinking.budget_tokens : 0;
  const effort = writeEffort(reasoning?.effort, facts, unsupported);
  return {
    maxTokens: maxTokens ?? Math.min(facts.maxOutputTokens, facts.defaultMaxTokens + budget),
    ...(thinking === undefined ? {} : { thinking }),
    ...(effort === undefined ? {} : { effort }),
  };
}

/**
 * Whether the results of tools answer a turn whose reasoning the client has lost, as most clients of OpenAI's API do:
 * with a budget, the API refuses to go on with such a turn.
 */
function answersUnsigned(turns: readonly Turn[]): boolean {
  const [before, last] = turns.slice(-2);
  if (last?.role !== 'user' || last.parts[0]?.kind !== 'tool_result') return false;
  const first = before?.parts[0]?.kind;
  return first !== 'reasoning' && first !== 'redacted_reasoning';
}

function writeThinking(
  reasoning: ConversationRequest['reasoning'],
  facts: ClaudeFacts,
  unsupported: Unsupported,
): JsonObject | undefined {
  const mode = reasoning?.mode ?? (reasoning?.effort === 'none' ? 'off' : undefined);
  if (mode === undefined) return undefined;
  if (mode === 'off') {
    if (facts.thinking.includes('off')) return { type: 'disabled' };
    if (facts.thinking.length > 0) unsupported.add('thinking');
    return undefined;
  }
  const budget = reasoning?.budgetTokens;
  const display = reasoning?.display === undefined ? undefined : displayOf(reasoning.display);
  const [adaptive, fixed] = [facts.thinking.includes('adaptive'), facts.thinking.includes('on')];
  if (adaptive && (mode === 'adaptive' || budget === undefined || !fixed)) {
    if (budget !== undefined) unsupported.add('thinking.budget_tokens');
    return present({ type: 'adaptive', display });
  }
  if (fixed) return present({ type: 'enabled', budget_tokens: budget ?? LEAST_BUDGET_TOKENS, display });
  unsupported.add('thinking');
  return undefined;
}

/** OpenAI's `auto`, `concise` and `detailed` all mean that a summary is shown. */
function displayOf(display: string): string {
  return display === 'omitted' ? display : 'summarized';
}

function writeEffort(effort: string | undefined, facts: ClaudeFacts, unsupported: Unsupported): string | undefined {
  if (effort === undefined || effort === 'none') return undefined;
  const weakest = facts.efforts[0];
  if (weakest === undefined) {
    unsupported.add('reasoning_effort');
    return undefined;
  }
  if (facts.efforts.includes(effort)) return effort;
  // `minimal` is OpenAI's word for the least there is; a step that the model lacks becomes the next weaker one.
  if (effort === 'minimal') return weakest;
  unsupported.add('reasoning_effort');
  return effort === 'xhigh' || effort === 'max' ? facts.efforts.at(-1) : undefined;
}
