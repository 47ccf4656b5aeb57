import type { EndpointName } from '../../ir/index.ts';
import type { ProviderFacts } from '../facts.ts';

/** Endpoints that are served by the Responses API. */
const RESPONSES: ReadonlySet<EndpointName> = new Set(['responses', 'responses_input_tokens']);

/**
 * Azure OpenAI: OpenAI's bodies under paths that name a deployment, which takes the place of the model.
 * Source: Azure OpenAI data plane reference.
 */
export const azure: ProviderFacts = {
  schema: 'AzureOpenAI',
  paths: {
    chat_completions: '/openai/deployments/{model}/chat/completions?api-version={version}',
    completions: '/openai/deployments/{model}/completions?api-version={version}',
    embeddings: '/openai/deployments/{model}/embeddings?api-version={version}',
    responses: '/openai/responses?api-version={version}',
    responses_input_tokens: '/openai/responses/input_tokens?api-version={version}',
    images_generations: '/openai/deployments/{model}/images/generations?api-version={version}',
    audio_speech: '/openai/deployments/{model}/audio/speech?api-version={version}',
    audio_transcriptions: '/openai/deployments/{model}/audio/transcriptions?api-version={version}',
    audio_translations: '/openai/deployments/{model}/audio/translations?api-version={version}',
  },
  carriedBy: {
    completions: ['chat_completions'],
    responses: ['chat_completions'],
    messages: ['chat_completions'],
    messages_count_tokens: ['responses_input_tokens'],
  },
  // The Responses API is younger than the last version that is not a preview.
  defaultVersion: (endpoint) => (RESPONSES.has(endpoint) ? '2025-04-01-preview' : '2024-10-21'),
  credential: { header: 'api-key', prefix: '' },
  publicHosts: ['*.openai.azure.com', '*.cognitiveservices.azure.com', '*.services.ai.azure.com'],
};
