import type { ProviderFacts } from '../facts.ts';
import { AWS_HOSTS } from './region.ts';

const streamType = 'application/vnd.amazon.eventstream';

const CONVERSE = { path: '/model/{model}/converse', stream: '/model/{model}/converse-stream' } as const;
const INVOKE = { path: '/model/{model}/invoke', stream: '/model/{model}/invoke-with-response-stream' } as const;
const COUNT_TOKENS = { path: '/model/{model}/count-tokens' } as const;

/**
 * Amazon Bedrock's Converse and InvokeModel: no client speaks them, so every request needs translation.
 * Source: Amazon Bedrock Runtime API reference.
 */
export const bedrock: ProviderFacts = {
  schema: 'AWSBedrock',
  paths: {},
  translated: {
    chat_completions: CONVERSE,
    responses: CONVERSE,
    messages: CONVERSE,
    completions: CONVERSE,
    embeddings: { path: INVOKE.path },
    images_generations: { path: INVOKE.path },
    rerank: { path: INVOKE.path },
    messages_count_tokens: COUNT_TOKENS,
    responses_input_tokens: COUNT_TOKENS,
    tokenize: COUNT_TOKENS,
  },
  streamType,
  choosesPath: true,
  publicHosts: AWS_HOSTS,
};

/** Anthropic's models on Bedrock: their bodies need changes that the data path alone does not make. */
export const awsAnthropic: ProviderFacts = {
  schema: 'AWSAnthropic',
  paths: {},
  translated: {
    chat_completions: INVOKE,
    completions: INVOKE,
    responses: INVOKE,
    messages: INVOKE,
    messages_count_tokens: COUNT_TOKENS,
    responses_input_tokens: COUNT_TOKENS,
    tokenize: COUNT_TOKENS,
  },
  streamType,
  choosesPath: true,
  publicHosts: AWS_HOSTS,
};
