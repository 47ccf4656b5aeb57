import type { ProviderFacts } from '../facts.ts';

const MESSAGES = { path: '/{prefix}/messages' } as const;
const COUNT_TOKENS = { path: '/{prefix}/messages/count_tokens' } as const;

/** Anthropic's own API. Source: Anthropic API reference, Messages. */
export const anthropic: ProviderFacts = {
  schema: 'Anthropic',
  defaultPrefix: 'v1',
  paths: {
    messages: '/{prefix}/messages',
    messages_count_tokens: '/{prefix}/messages/count_tokens',
  },
  translated: {
    chat_completions: MESSAGES,
    completions: MESSAGES,
    responses: MESSAGES,
    responses_input_tokens: COUNT_TOKENS,
    tokenize: COUNT_TOKENS,
  },
  requestHeaders: { 'anthropic-version': '2023-06-01' },
  credential: { header: 'x-api-key', prefix: '' },
  publicHosts: ['api.anthropic.com'],
};
