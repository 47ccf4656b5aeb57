import type { EndpointName, ProviderSchema } from '../ir/index.ts';

/** Endpoints whose requests and answers are translated, by the schema of the provider. Those that pass unchanged are in its facts. */
const TRANSLATED: Readonly<Record<ProviderSchema, readonly EndpointName[]>> = {
  OpenAI: ['messages'],
  AzureOpenAI: ['messages'],
  Anthropic: ['chat_completions', 'responses'],
  Cohere: [],
  AWSBedrock: ['chat_completions', 'responses', 'messages', 'messages_count_tokens'],
  AWSAnthropic: ['chat_completions', 'responses', 'messages', 'messages_count_tokens'],
  GCPVertexAI: ['chat_completions', 'responses', 'messages', 'messages_count_tokens'],
  GCPAnthropic: ['chat_completions', 'responses', 'messages', 'messages_count_tokens'],
};

/** Whether requests to an endpoint can go to a provider of this schema by translation. */
export function translates(endpoint: EndpointName, schema: ProviderSchema): boolean {
  return TRANSLATED[schema].includes(endpoint);
}
