import type { ProviderFacts } from '../facts.ts';

/**
 * OpenAI, and the many providers and servers that speak its API.
 * Source: OpenAI API reference; `/tokenize` is vLLM's and stands outside of the prefix.
 */
export const openai: ProviderFacts = {
  schema: 'OpenAI',
  defaultPrefix: 'v1',
  paths: {
    chat_completions: '/{prefix}/chat/completions',
    completions: '/{prefix}/completions',
    embeddings: '/{prefix}/embeddings',
    responses: '/{prefix}/responses',
    responses_input_tokens: '/{prefix}/responses/input_tokens',
    images_generations: '/{prefix}/images/generations',
    audio_speech: '/{prefix}/audio/speech',
    audio_transcriptions: '/{prefix}/audio/transcriptions',
    audio_translations: '/{prefix}/audio/translations',
    tokenize: '/tokenize',
  },
  carriedBy: {
    completions: ['chat_completions'],
    responses: ['chat_completions'],
    responses_input_tokens: ['tokenize'],
    messages: ['chat_completions'],
    messages_count_tokens: ['responses_input_tokens', 'tokenize'],
  },
  credential: { header: 'authorization', prefix: 'Bearer ' },
  publicHosts: [
    'api.openai.com',
    'api.mistral.ai',
    'api.groq.com',
    'api.together.xyz',
    'api.deepinfra.com',
    'api.deepseek.com',
    'api.hunyuan.cloud.tencent.com',
    'api.sambanova.ai',
    'api.x.ai',
    'api.fireworks.ai',
    'openrouter.ai',
    'generativelanguage.googleapis.com',
  ],
};
