import type { JsonObject, ReasoningRequest } from '../conversation.ts';
import type { DialectContext } from '../dialect.ts';
import { present } from '../json.ts';
import { geminiModelFacts, type ThinkingFacts, type ThinkingLevel } from './models.ts';

/** Tokens that Google's own OpenAI endpoint takes for an effort. `xhigh` and above: what the model allows. */
const BUDGETS: Readonly<Record<string, number>> = { minimal: 1024, low: 1024, medium: 8192, high: 24_576 };

/** Levels for an effort, the best first. */
const LEVELS: Readonly<Record<string, readonly ThinkingLevel[]>> = {
  none: ['MINIMAL', 'LOW'],
  minimal: ['MINIMAL', 'LOW'],
  low: ['LOW', 'MINIMAL'],
  medium: ['MEDIUM', 'HIGH'],
  high: ['HIGH'],
  xhigh: ['HIGH'],
  max: ['HIGH'],
};

/** Efforts that have a level of the same meaning; others are reported, since the model thinks more or less than asked. */
const EXACT: Readonly<Record<string, ThinkingLevel>> = {
  minimal: 'MINIMAL',
  low: 'LOW',
  medium: 'MEDIUM',
  high: 'HIGH',
};

/**
 * Gemini's `thinkingConfig`: a level for the models that have levels, else a budget of tokens. A budget that the client
 * gives itself goes on as it is, to both.
 */
export function writeThinking(
  reasoning: ReasoningRequest | undefined,
  context: DialectContext,
): JsonObject | undefined {
  if (reasoning === undefined) return undefined;
  const { thinking } = geminiModelFacts(context.model, context.provider);
  const off = reasoning.mode === 'off' || (reasoning.mode === undefined && reasoning.effort === 'none');
  if (thinking.kind === 'none') {
    if (!off) context.unsupported.add(reasoning.effort === undefined ? 'thinking' : 'reasoning_effort');
    return undefined;
  }
  const config = off ? switchOff(thinking, context) : amountOf(reasoning, thinking, context);
  const includeThoughts = !off && showsThoughts(reasoning) ? true : undefined;
  const written = present({ ...config, includeThoughts });
  return Object.keys(written).length === 0 ? undefined : written;
}

/** Clients that ask for an effort alone do not see reasoning; those that switch thinking on do, unless they say so. */
function showsThoughts({ mode, display }: ReasoningRequest): boolean {
  if (display !== undefined) return display !== 'omitted';
  return mode === 'on' || mode === 'adaptive';
}

function switchOff(thinking: ThinkingFacts, { unsupported }: DialectContext): JsonObject {
  if (thinking.kind === 'budget') {
    if (thinking.canDisable) return { thinkingBudget: 0 };
    unsupported.add('thinking');
    return { thinkingBudget: thinking.min };
  }
  if (thinking.kind === 'none') return {};
  const least = thinking.levels[0];
  if (least !== 'MINIMAL') unsupported.add('thinking');
  return present({ thinkingLevel: least });
}

function amountOf(reasoning: ReasoningRequest, thinking: ThinkingFacts, context: DialectContext): JsonObject {
  const { budgetTokens, effort, mode } = reasoning;
  if (budgetTokens !== undefined) return { thinkingBudget: budgetTokens };
  if (thinking.kind === 'level') {
    return effort === undefined ? {} : { thinkingLevel: levelFor(effort, thinking.levels, context) };
  }
  if (thinking.kind === 'none') return {};
  if (effort === undefined) return mode === 'adaptive' ? { thinkingBudget: -1 } : {};
  const budget = BUDGETS[effort] ?? thinking.max;
  return { thinkingBudget: Math.min(Math.max(budget, thinking.min), thinking.max) };
}

function levelFor(effort: string, levels: readonly ThinkingLevel[], { unsupported }: DialectContext): string {
  const wanted = LEVELS[effort];
  // A word that is new here may be one that Gemini knows.
  if (wanted === undefined) return effort.toUpperCase();
  const level = wanted.find((one) => levels.includes(one)) ?? levels.at(-1) ?? 'HIGH';
  if (EXACT[effort] !== level) unsupported.add('reasoning_effort');
  return level;
}
