/** The API families that clients speak; errors and model lists take their shape from it. */
export type ApiFamily = 'openai' | 'anthropic' | 'cohere';

export type EndpointName =
  | 'chat_completions'
  | 'completions'
  | 'embeddings'
  | 'responses'
  | 'responses_input_tokens'
  | 'images_generations'
  | 'audio_speech'
  | 'audio_transcriptions'
  | 'audio_translations'
  | 'tokenize'
  | 'messages'
  | 'messages_count_tokens'
  | 'rerank';

/** One inference endpoint: a POST whose body names the model. */
export interface ApiEndpoint {
  readonly name: EndpointName;
  readonly api: ApiFamily;
  /** Path below the prefix of its family, without a leading slash. */
  readonly path: string;
  /** The endpoint takes `stream_options.include_usage`. */
  readonly streamOptions?: boolean;
}

/** `GET /v1/models` is answered by Envoy itself and stands apart. */
export const API_ENDPOINTS: readonly ApiEndpoint[] = [
  { name: 'chat_completions', api: 'openai', path: 'v1/chat/completions', streamOptions: true },
  { name: 'completions', api: 'openai', path: 'v1/completions', streamOptions: true },
  { name: 'embeddings', api: 'openai', path: 'v1/embeddings' },
  { name: 'responses', api: 'openai', path: 'v1/responses' },
  { name: 'responses_input_tokens', api: 'openai', path: 'v1/responses/input_tokens' },
  { name: 'images_generations', api: 'openai', path: 'v1/images/generations' },
  { name: 'audio_speech', api: 'openai', path: 'v1/audio/speech' },
  { name: 'audio_transcriptions', api: 'openai', path: 'v1/audio/transcriptions' },
  { name: 'audio_translations', api: 'openai', path: 'v1/audio/translations' },
  { name: 'tokenize', api: 'openai', path: 'tokenize' },
  { name: 'messages', api: 'anthropic', path: 'v1/messages' },
  { name: 'messages_count_tokens', api: 'anthropic', path: 'v1/messages/count_tokens' },
  { name: 'rerank', api: 'cohere', path: 'v2/rerank' },
];

/** Path prefix of each family, with a leading slash and without a trailing one (empty for the root). */
export type EndpointPrefixes = Readonly<Record<ApiFamily, string>>;
