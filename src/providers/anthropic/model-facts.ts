/**
 * What Claude models take, as data: a new model needs no row, since the last rows hold what the newest models take.
 * Source: Anthropic's pages on models, adaptive thinking, effort, structured outputs, and its migration guide.
 */

import type { ProviderIr } from '../../ir/index.ts';
import { saidOfModel } from '../said-of-models.ts';

/** What requests to a model may say. */
export interface ClaudeFacts {
  readonly maxOutputTokens: number;
  /** Asked for where the client says nothing: the API requires a number, and clouds count it against quotas. */
  readonly defaultMaxTokens: number;
  readonly structuredOutput: boolean;
  /** Weakest first; none: the model has no such setting. */
  readonly efforts: readonly string[];
  /** None: the model does not think. */
  readonly thinking: readonly ('off' | 'on' | 'adaptive')[];
  /** `temperature` and `top_p` (and `top_k`): all, one of the first two, or none is taken. */
  readonly sampling: 'all' | 'one' | 'none';
}

const plain: ClaudeFacts = {
  maxOutputTokens: 4096,
  defaultMaxTokens: 4096,
  structuredOutput: false,
  efforts: [],
  thinking: [],
  sampling: 'all',
};
const thinking: ClaudeFacts = { ...plain, maxOutputTokens: 64_000, defaultMaxTokens: 16_384, thinking: ['off', 'on'] };
const generation45: ClaudeFacts = { ...thinking, structuredOutput: true, sampling: 'one' };
const generation46: ClaudeFacts = {
  ...generation45,
  maxOutputTokens: 128_000,
  efforts: ['low', 'medium', 'high', 'max'],
  thinking: ['off', 'on', 'adaptive'],
};
const newest: ClaudeFacts = {
  ...generation46,
  defaultMaxTokens: 32_000,
  efforts: ['low', 'medium', 'high', 'xhigh', 'max'],
  thinking: ['off', 'adaptive'],
  sampling: 'none',
};

/** The first pattern that a model's name holds anywhere counts: clouds put regions and dates around it. */
const MODELS: readonly (readonly [pattern: RegExp, facts: ClaudeFacts])[] = [
  [/claude-(?:instant|v?2|3-(?:haiku|sonnet|opus))/, plain],
  [/claude-3-5/, { ...plain, maxOutputTokens: 8192, defaultMaxTokens: 8192 }],
  [/claude-3-7/, thinking],
  [/claude-opus-4-1/, { ...generation45, maxOutputTokens: 32_000 }],
  [/claude-opus-4(?:-0)?(?:[-@]\d{8}|-v|$)/, { ...thinking, maxOutputTokens: 32_000 }],
  [/claude-sonnet-4(?:-0)?(?:[-@]\d{8}|-v|$)/, thinking],
  [/claude-opus-4-5/, { ...generation45, efforts: ['low', 'medium', 'high'] }],
  [/claude-(?:sonnet|haiku)-4-5/, generation45],
  [/claude-(?:opus|sonnet)-4-6/, generation46],
  [/claude-(?:fable|mythos)/, { ...newest, thinking: ['adaptive'] }],
  [/claude/, newest],
];

/** Others' models behind the same API: everything is left to them. */
const OTHERS: ClaudeFacts = { ...newest, thinking: ['off', 'on', 'adaptive'], sampling: 'all', defaultMaxTokens: 8192 };

/** What a model takes, with what the user says of it. Shape: its name at the provider, with or without what a cloud adds. */
export function claudeFacts(model: string, provider?: ProviderIr): ClaudeFacts {
  const said = saidOfModel(model, provider);
  const name = (said?.like ?? model).toLowerCase();
  const known = MODELS.find(([pattern]) => pattern.test(name))?.[1] ?? OTHERS;
  if (said === undefined) return known;
  const {
    maxOutputTokens,
    defaultMaxTokens,
    structuredOutput,
    efforts,
    thinking: modes,
    sampling,
  } = { ...known, ...said };
  return { maxOutputTokens, defaultMaxTokens, structuredOutput, efforts, thinking: modes, sampling };
}
