/** One request for each inference endpoint, valid for a strict provider. */
import type { RequestOptions } from '../../support/index.ts';
import { multipartForm } from '../../support/index.ts';

const audio = (model: string): Partial<RequestOptions> =>
  multipartForm([
    { name: 'file', filename: 'speech.mp3', data: Buffer.alloc(3000, 7) },
    { name: 'model', value: model },
  ]);

const chat = { messages: [{ role: 'user', content: 'hi' }] };

/** Shape: by path below the prefix of its API. */
export const OPENAI_REQUESTS: Readonly<Record<string, (model: string) => Partial<RequestOptions>>> = {
  '/v1/chat/completions': (model) => ({ body: { model, ...chat } }),
  '/v1/completions': (model) => ({ body: { model, prompt: 'hi' } }),
  '/v1/embeddings': (model) => ({ body: { model, input: 'hi' } }),
  '/v1/responses': (model) => ({ body: { model, input: 'hi' } }),
  '/v1/responses/input_tokens': (model) => ({ body: { model, input: 'hi' } }),
  '/v1/images/generations': (model) => ({ body: { model, prompt: 'a cat' } }),
  '/v1/audio/speech': (model) => ({ body: { model, input: 'hi', voice: 'alloy' } }),
  '/v1/audio/transcriptions': audio,
  '/v1/audio/translations': audio,
};

export const TOKENIZE = (model: string): Partial<RequestOptions> => ({ body: { model, prompt: 'hi' } });

const messages = { messages: [{ role: 'user', content: 'hi' }] };
const anthropicVersion = { 'anthropic-version': '2023-06-01' };

export const ANTHROPIC_REQUESTS: Readonly<Record<string, (model: string) => Partial<RequestOptions>>> = {
  '/anthropic/v1/messages': (model) => ({ headers: anthropicVersion, body: { model, max_tokens: 50, ...messages } }),
  '/anthropic/v1/messages/count_tokens': (model) => ({ headers: anthropicVersion, body: { model, ...messages } }),
};

export const RERANK = (model: string): Partial<RequestOptions> => ({
  body: { model, query: 'which?', documents: ['a', 'b'] },
});
