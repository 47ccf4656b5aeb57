import type { EndpointName, ProviderSchema } from '../ir/index.ts';

/** OpenAI's APIs that hold conversations. */
const CONVERSATIONS: readonly EndpointName[] = ['chat_completions', 'completions', 'responses'];
/** Those that count tokens, beside Anthropic's. */
const COUNTS: readonly EndpointName[] = ['responses_input_tokens', 'tokenize'];

/** Endpoints whose requests and answers are translated, by the schema of the provider. Those that pass unchanged are in its facts. */
const TRANSLATED: Readonly<Record<ProviderSchema, readonly EndpointName[]>> = {
  // Some of them where a server does not have them itself.
  OpenAI: ['messages', 'messages_count_tokens', 'completions', 'responses', 'responses_input_tokens'],
  AzureOpenAI: ['messages', 'messages_count_tokens', 'completions', 'responses'],
  Anthropic: [...CONVERSATIONS, ...COUNTS],
  Cohere: [],
  AWSBedrock: [
    ...CONVERSATIONS,
    ...COUNTS,
    'messages',
    'messages_count_tokens',
    'embeddings',
    'images_generations',
    'rerank',
  ],
  AWSAnthropic: [...CONVERSATIONS, ...COUNTS, 'messages', 'messages_count_tokens'],
  GCPVertexAI: [...CONVERSATIONS, ...COUNTS, 'messages', 'messages_count_tokens', 'embeddings', 'images_generations'],
  GCPAnthropic: [...CONVERSATIONS, ...COUNTS, 'messages', 'messages_count_tokens'],
};

/** Whether requests to an endpoint can go to a provider of this schema by translation. */
export function translates(endpoint: EndpointName, schema: ProviderSchema): boolean {
  return TRANSLATED[schema].includes(endpoint);
}
