/** What Claude refuses in a conversation, on whatever platform it runs. Source: Anthropic API reference and its errors. */
import { isSealed } from './script.ts';
import { signatureOf } from './signatures.ts';

/** A block of a turn, with what the rules look at; `kind` is its Anthropic name. */
export interface TurnBlock {
  readonly kind: string;
  readonly text?: string;
  readonly signature?: string | undefined;
  readonly data?: string;
}

export interface Turn {
  readonly role: string;
  readonly blocks: readonly TurnBlock[];
}

/** What the rules look at beside the turns. */
export interface ClaudeParameters {
  readonly maxTokens: number | undefined;
  readonly temperature: unknown;
  readonly topP: unknown;
  readonly topK: unknown;
  readonly thinking: Readonly<Record<string, unknown>> | undefined;
  /** `auto`, `any`, `tool` or `none`. */
  readonly toolChoice: string | undefined;
}

/** What is wrong with a conversation, in Claude's words; undefined when nothing is. */
export function claudeProblem(turns: readonly Turn[], parameters: ClaudeParameters): string | undefined {
  return (
    thinkingProblem(parameters) ?? signatureProblem(turns) ?? firstBlockProblem(turns, parameters) ?? endProblem(turns)
  );
}

function isThinking(parameters: ClaudeParameters): boolean {
  const type = parameters.thinking?.type;
  return type === 'enabled' || type === 'adaptive';
}

function thinkingProblem(parameters: ClaudeParameters): string | undefined {
  const { thinking, maxTokens, temperature, topP, topK, toolChoice } = parameters;
  if (thinking === undefined) return undefined;
  const budget = thinking.budget_tokens;
  if (thinking.type === 'enabled') {
    if (typeof budget !== 'number') return 'thinking.enabled.budget_tokens: Field required';
    if (budget < 1024) return 'thinking.enabled.budget_tokens: Input should be greater than or equal to 1024';
    if (maxTokens !== undefined && maxTokens <= budget) {
      return '`max_tokens` must be greater than `thinking.budget_tokens`. Please consult our documentation at https://docs.claude.com/en/docs/build-with-claude/extended-thinking#max-tokens-and-context-window-size';
    }
  } else if (budget !== undefined) {
    return `thinking.${String(thinking.type)}.budget_tokens: Extra inputs are not permitted`;
  }
  if (!isThinking(parameters)) return undefined;
  if (temperature !== undefined && temperature !== 1)
    return '`temperature` may only be set to 1 when thinking is enabled.';
  if (topK !== undefined) return '`top_k` must be unset when thinking is enabled.';
  if (typeof topP === 'number' && topP < 0.95) {
    return '`top_p` must be greater than or equal to 0.95 or unset when thinking is enabled.';
  }
  if (toolChoice === 'any' || toolChoice === 'tool')
    return 'Thinking may not be enabled when tool_choice forces tool use.';
  return undefined;
}

function signatureProblem(turns: readonly Turn[]): string | undefined {
  for (const [index, turn] of turns.entries()) {
    for (const [place, block] of turn.blocks.entries()) {
      const where = `messages.${index}.content.${place}`;
      const isReasoning = block.kind === 'thinking' || block.kind === 'redacted_thinking';
      if (isReasoning && turn.role !== 'assistant') {
        return `${where}: \`${block.kind}\` blocks may only be in \`assistant\` messages`;
      }
      if (block.kind === 'thinking' && block.signature !== signatureOf(block.text ?? '')) {
        return `${where}: Invalid \`signature\` in \`thinking\` block`;
      }
      if (block.kind === 'redacted_thinking' && !isSealed(block.data ?? '')) {
        return `${where}: Invalid \`data\` in \`redacted_thinking\` block`;
      }
    }
  }
  return undefined;
}

/** With a budget, the assistant's turn that tool results answer begins with its reasoning. */
function firstBlockProblem(turns: readonly Turn[], parameters: ClaudeParameters): string | undefined {
  if (parameters.thinking?.type !== 'enabled') return undefined;
  const last = turns.at(-1);
  if (last?.role !== 'user' || !last.blocks.some(({ kind }) => kind === 'tool_result')) return undefined;
  const first = turns.at(-2)?.blocks[0]?.kind;
  if (first === 'thinking' || first === 'redacted_thinking') return undefined;
  const found = `Expected \`thinking\` or \`redacted_thinking\`, but found \`${String(first)}\`.`;
  const why = 'When `thinking` is enabled, a final `assistant` message must start with a thinking block';
  return `messages.${turns.length - 2}.content.0.type: ${found} ${why} (preceeding the lastmost set of \`tool_use\` and \`tool_result\` blocks).`;
}

function endProblem(turns: readonly Turn[]): string | undefined {
  const last = turns.at(-1);
  if (last?.role !== 'assistant') return undefined;
  const text = last.blocks.at(-1)?.text;
  const isBlank = last.blocks.at(-1)?.kind === 'text' && text !== undefined && text !== text.trimEnd();
  return isBlank ? 'messages: final assistant content cannot end with trailing whitespace' : undefined;
}
