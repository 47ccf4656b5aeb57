/**
 * What is known of Gemini's models, as data: a new model that fits a row needs no new code, and one that fits none has
 * what the newest have.
 * Source: Vertex AI reference: Thinking, Thought signatures, Media resolution, Structured output, Embeddings.
 */

import type { ModelFactsIr, ProviderIr } from '../../ir/index.ts';
import { matchesPattern, saidOfModel } from '../said-of-models.ts';

export interface GeminiModelFacts {
  /** Names of models, with `*` for anything. The first row that fits counts. */
  readonly pattern: string;
  readonly thinking: ThinkingFacts;
  /** Takes JSON Schema as it is; else it takes OpenAPI's smaller vocabulary. */
  readonly jsonSchema: boolean;
  /** Takes a resolution for each image. */
  readonly mediaResolution: boolean;
  /** Refuses a tool call of this turn that comes back without its signature. */
  readonly needsSignatures: boolean;
  /** Takes images and documents inside of a tool's result. */
  readonly mediaInResults: boolean;
}

/** How a model is told how much to think. */
export type ThinkingFacts =
  | { readonly kind: 'none' }
  /** Levels it takes, from little to much. */
  | { readonly kind: 'level'; readonly levels: readonly ThinkingLevel[] }
  /** Tokens it takes. `canDisable`: a budget of 0 switches thinking off. */
  | { readonly kind: 'budget'; readonly min: number; readonly max: number; readonly canDisable: boolean };

export type ThinkingLevel = 'MINIMAL' | 'LOW' | 'MEDIUM' | 'HIGH';

const ALL_LEVELS: readonly ThinkingLevel[] = ['MINIMAL', 'LOW', 'MEDIUM', 'HIGH'];

const GEMINI_3 = { jsonSchema: true, mediaResolution: true, needsSignatures: true, mediaInResults: true };
const GEMINI_2_5 = { jsonSchema: true, mediaResolution: false, needsSignatures: false, mediaInResults: false };
const OLDER = { jsonSchema: false, mediaResolution: false, needsSignatures: false, mediaInResults: false };

const GEMINI_MODELS: readonly GeminiModelFacts[] = [
  { pattern: 'gemini-1.*', thinking: { kind: 'none' }, ...OLDER },
  { pattern: 'gemini-2.0*', thinking: { kind: 'none' }, ...OLDER },
  { pattern: 'gemini-2.5*-image*', thinking: { kind: 'none' }, ...GEMINI_2_5 },
  {
    pattern: 'gemini-2.5-pro*',
    thinking: { kind: 'budget', min: 128, max: 32_768, canDisable: false },
    ...GEMINI_2_5,
  },
  {
    pattern: 'gemini-2.5-flash-lite*',
    thinking: { kind: 'budget', min: 512, max: 24_576, canDisable: true },
    ...GEMINI_2_5,
  },
  { pattern: 'gemini-2.5*', thinking: { kind: 'budget', min: 1, max: 24_576, canDisable: true }, ...GEMINI_2_5 },
  { pattern: 'gemini-3-pro*', thinking: { kind: 'level', levels: ['LOW', 'HIGH'] }, ...GEMINI_3 },
  { pattern: 'gemini-3-flash*', thinking: { kind: 'level', levels: ALL_LEVELS }, ...GEMINI_3 },
  { pattern: 'gemini-3*flash-lite*', thinking: { kind: 'level', levels: ALL_LEVELS }, ...GEMINI_3 },
  { pattern: 'gemini-3.1-flash-image*', thinking: { kind: 'level', levels: ['MINIMAL', 'HIGH'] }, ...GEMINI_3 },
  { pattern: 'gemini-3.5-flash*', thinking: { kind: 'level', levels: ALL_LEVELS }, ...GEMINI_3 },
  { pattern: 'gemini-3.6-flash*', thinking: { kind: 'level', levels: ALL_LEVELS }, ...GEMINI_3 },
];

const NEWEST: GeminiModelFacts = {
  pattern: '*',
  thinking: { kind: 'level', levels: ['LOW', 'MEDIUM', 'HIGH'] },
  ...GEMINI_3,
};

/** Models whose embeddings are had one content a request, by `embedContent`; the others take lists, by `predict`. */
const EMBED_CONTENT_MODELS = ['gemini-embedding-2*'];

/** The facts of a model, with what the user says of it. */
export function geminiModelFacts(model: string, provider?: ProviderIr): GeminiModelFacts {
  const said = saidOfModel(model, provider);
  const name = said?.like ?? model;
  const known = GEMINI_MODELS.find(({ pattern }) => matchesPattern(name, pattern)) ?? NEWEST;
  if (said === undefined) return known;
  const { jsonSchema, mediaResolution, needsSignatures, mediaInResults } = { ...known, ...said };
  return {
    pattern: said.models,
    thinking: thinkingOf(said) ?? known.thinking,
    jsonSchema,
    mediaResolution,
    needsSignatures,
    mediaInResults,
  };
}

function thinkingOf({ thinkingLevels: levels, thinkingBudget: budget }: ModelFactsIr): ThinkingFacts | undefined {
  if (budget !== undefined) return { kind: 'budget', ...budget };
  if (levels === undefined) return undefined;
  return levels.length === 0 ? { kind: 'none' } : { kind: 'level', levels };
}

/** Whether a model's embeddings are had by `embedContent`. */
export function usesEmbedContent(model: string): boolean {
  return EMBED_CONTENT_MODELS.some((pattern) => matchesPattern(model, pattern));
}

/** Whether a model makes images by `predict`, as Imagen does; the others by `generateContent`. */
export function isImagen(model: string): boolean {
  return matchesPattern(model, 'imagen*') || matchesPattern(model, 'imagegeneration*');
}
