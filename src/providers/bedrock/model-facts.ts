/**
 * What families of models on Bedrock take through Converse, as data. Claude's own are in its folder.
 * Source: Amazon Bedrock user guide: supported models and features, inference parameters, structured outputs.
 */

import type { ProviderIr } from '../../ir/index.ts';
import { saidOfModel } from '../said-of-models.ts';

/** What Converse has no common word for. */
export interface BedrockFacts {
  /** How reasoning is asked for: Claude's `thinking`, a plain `reasoning_effort`, Nova's configuration, or not at all. */
  readonly reasoning: 'claude' | 'effort' | 'nova' | 'none';
  /** Where `top_k` goes. */
  readonly topK: 'field' | 'nova' | 'none';
  readonly caching: boolean;
  readonly structuredOutput: boolean;
}

const claude: BedrockFacts = { reasoning: 'claude', topK: 'field', caching: true, structuredOutput: true };
const others: BedrockFacts = { reasoning: 'none', topK: 'none', caching: false, structuredOutput: true };

/** The first pattern that a model's identifier holds anywhere counts. */
const MODELS: readonly (readonly [pattern: RegExp, facts: BedrockFacts])[] = [
  [/claude/, claude],
  [/nova-(?:2|premier-2)/, { reasoning: 'nova', topK: 'nova', caching: true, structuredOutput: false }],
  [/amazon\.nova/, { reasoning: 'none', topK: 'nova', caching: true, structuredOutput: false }],
  [/gpt-oss/, { ...others, reasoning: 'effort' }],
  [/llama|titan|cohere|ai21|deepseek\.r1|mistral-7b|mixtral/, { ...others, structuredOutput: false }],
  // An ARN of a profile, a custom or an imported model does not tell the family: the model judges for itself.
  [/^arn:/, claude],
];

/** What a model takes, with what the user says of it. Shape: its identifier, with or without a region before it, or an ARN. */
export function bedrockFacts(model: string, provider?: ProviderIr): BedrockFacts {
  const said = saidOfModel(model, provider);
  const name = said?.like ?? model;
  const known = MODELS.find(([pattern]) => pattern.test(name))?.[1] ?? others;
  if (said === undefined) return known;
  const { reasoning, topK, caching, structuredOutput } = { ...known, ...said };
  return { reasoning, topK, caching, structuredOutput };
}
