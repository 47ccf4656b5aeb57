import type { ProviderFacts } from '../facts.ts';

/** Cohere's own API. Source: Cohere API reference, v2. */
export const cohere: ProviderFacts = {
  schema: 'Cohere',
  defaultPrefix: 'v2',
  paths: { rerank: '/{prefix}/rerank' },
  credential: { header: 'authorization', prefix: 'Bearer ' },
  publicHosts: ['api.cohere.com', 'api.cohere.ai'],
};
