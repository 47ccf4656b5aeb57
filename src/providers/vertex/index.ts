import type { ProviderIr } from '../../ir/index.ts';
import type { ProviderFacts, TranslatedPath } from '../facts.ts';

const publicHosts = ['aiplatform.googleapis.com', '*.aiplatform.googleapis.com', '*-aiplatform.googleapis.com'];
const MODELS = '/v1/projects/{project}/locations/{region}/publishers';

/** Path of a method of a model of Google's. */
export function methodPath(model: string, method: string, { project = '-', region = '-' }: ProviderIr): string {
  const place = MODELS.replace('{project}', () => encodeURIComponent(project)).replace('{region}', () =>
    encodeURIComponent(region),
  );
  return `${place}/google/models/${encodeURIComponent(model)}:${method}`;
}

const GENERATE: TranslatedPath = {
  path: `${MODELS}/google/models/{model}:generateContent`,
  stream: `${MODELS}/google/models/{model}:streamGenerateContent?alt=sse`,
};
const RAW_PREDICT: TranslatedPath = {
  path: `${MODELS}/anthropic/models/{model}:rawPredict`,
  stream: `${MODELS}/anthropic/models/{model}:streamRawPredict`,
};

/** The model stands in the body. */
const CLAUDE_COUNT: TranslatedPath = { path: `${MODELS}/anthropic/models/count-tokens:rawPredict` };

/**
 * Gemini on Vertex AI: no client speaks `generateContent`, so every request needs translation.
 * Source: Vertex AI REST reference, publishers.models.
 */
export const vertex: ProviderFacts = {
  schema: 'GCPVertexAI',
  paths: {},
  translated: {
    chat_completions: GENERATE,
    responses: GENERATE,
    messages: GENERATE,
    completions: GENERATE,
    embeddings: { path: `${MODELS}/google/models/{model}:predict` },
    images_generations: { path: `${MODELS}/google/models/{model}:predict` },
    messages_count_tokens: { path: `${MODELS}/google/models/{model}:countTokens` },
    responses_input_tokens: { path: `${MODELS}/google/models/{model}:countTokens` },
    tokenize: { path: `${MODELS}/google/models/{model}:countTokens` },
  },
  choosesPath: true,
  publicHosts,
};

/** Anthropic's models on Vertex AI: their bodies need changes that the data path alone does not make. */
export const gcpAnthropic: ProviderFacts = {
  schema: 'GCPAnthropic',
  paths: {},
  translated: {
    chat_completions: RAW_PREDICT,
    completions: RAW_PREDICT,
    responses: RAW_PREDICT,
    messages: RAW_PREDICT,
    messages_count_tokens: CLAUDE_COUNT,
    responses_input_tokens: CLAUDE_COUNT,
    tokenize: CLAUDE_COUNT,
  },
  publicHosts,
};
