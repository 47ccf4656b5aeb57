import type { ProviderIr } from '../../ir/index.ts';
import { saidOfModel } from '../said-of-models.ts';

/**
 * What models behind the chat API take, as data: a new model needs no row, since the last row of each maker holds what the
 * newest take. Source: OpenAI's pages on models and reasoning; Azure OpenAI, reasoning models.
 */
export interface ChatModelFacts {
  /** OpenAI's own: its API refuses fields it does not know, where other servers pass over them. */
  readonly isStrict: boolean;
  /** Weakest first; none: the model does not reason. Undefined: everything is left to the server. */
  readonly efforts?: readonly string[];
}

const MODELS: readonly (readonly [pattern: RegExp, facts: ChatModelFacts])[] = [
  // Open weights: whoever serves them.
  [/(^|\/)gpt-oss/, { isStrict: false }],
  [/(^|\/)(gpt-5[\w.]*-chat|gpt-[34]|gpt-35|chatgpt-)/, { isStrict: true, efforts: [] }],
  [/(^|\/)o[134](-|$)/, { isStrict: true, efforts: ['low', 'medium', 'high'] }],
  [/(^|\/)gpt-5(-(mini|nano|codex)|-\d{4}|$)/, { isStrict: true, efforts: ['minimal', 'low', 'medium', 'high'] }],
  [/(^|\/)gpt-5\.1(?!-codex-max)/, { isStrict: true, efforts: ['none', 'low', 'medium', 'high'] }],
  [/(^|\/)(gpt-|codex-)/, { isStrict: true, efforts: ['none', 'low', 'medium', 'high', 'xhigh'] }],
];

/**
 * The facts of a model, with what the user says of it. Azure's names are those of deployments, which tell nothing of the
 * model when users chose them.
 */
export function chatModelFacts(model: string, provider: ProviderIr): ChatModelFacts {
  const said = saidOfModel(model, provider);
  const name = said?.like ?? model;
  const known = MODELS.find(([pattern]) => pattern.test(name))?.[1] ?? { isStrict: provider.schema === 'AzureOpenAI' };
  if (said === undefined) return known;
  const efforts = said.efforts ?? known.efforts;
  return { isStrict: said.strict ?? known.isStrict, ...(efforts !== undefined && { efforts }) };
}

const ORDER = ['none', 'minimal', 'low', 'medium', 'high', 'xhigh', 'max'];

/** The effort of a list that is nearest to one, the weaker of two. */
export function nearestEffort(effort: string, efforts: readonly string[]): string | undefined {
  const wanted = ORDER.indexOf(effort);
  if (wanted === -1 || efforts.includes(effort)) return effort;
  const distance = (one: string): number => Math.abs(ORDER.indexOf(one) - wanted);
  return [...efforts].sort((a, b) => distance(a) - distance(b))[0];
}
