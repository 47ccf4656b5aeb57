import type { ProviderFacts } from '../facts.ts';

/** Anthropic's own API. Source: Anthropic API reference, Messages. */
export const anthropic: ProviderFacts = {
  schema: 'Anthropic',
  defaultPrefix: 'v1',
  paths: {
    messages: '/{prefix}/messages',
    messages_count_tokens: '/{prefix}/messages/count_tokens',
  },
  carriedBy: {
    chat_completions: ['messages'],
    completions: ['messages'],
    responses: ['messages'],
    responses_input_tokens: ['messages_count_tokens'],
    tokenize: ['messages_count_tokens'],
  },
  requestHeaders: { 'anthropic-version': '2023-06-01' },
  credential: { header: 'x-api-key', prefix: '' },
  publicHosts: ['api.anthropic.com'],
};
