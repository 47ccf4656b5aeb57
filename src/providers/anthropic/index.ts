import type { ProviderFacts } from '../facts.ts';

/** Anthropic's own API. Source: Anthropic API reference, Messages. */
export const anthropic: ProviderFacts = {
  schema: 'Anthropic',
  defaultPrefix: 'v1',
  paths: {
    messages: '/{prefix}/messages',
    messages_count_tokens: '/{prefix}/messages/count_tokens',
  },
  credential: { header: 'x-api-key', prefix: '' },
  publicHosts: ['api.anthropic.com'],
};
