import type { ProviderFacts } from '../facts.ts';

const publicHosts = ['aiplatform.googleapis.com', '*.aiplatform.googleapis.com', '*-aiplatform.googleapis.com'];

/** Gemini on Vertex AI: no client speaks `generateContent`, so every request needs translation. */
export const vertex: ProviderFacts = { schema: 'GCPVertexAI', paths: {}, publicHosts };

/** Anthropic's models on Vertex AI: their bodies need changes that the data path alone does not make. */
export const gcpAnthropic: ProviderFacts = { schema: 'GCPAnthropic', paths: {}, publicHosts };
