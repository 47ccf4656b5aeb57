import { expect } from 'chai';
import { errorBody, errorEvent } from '../../../src/providers/client-errors.ts';

describe('failures in the client’s words', () => {
  const error = (status: number) => ({ status, message: 'no', code: 'why' });
  const typeOf = (bytes: Buffer): unknown => (JSON.parse(bytes.toString()) as { error: { type: string } }).error.type;

  // Source: OpenAI, guide on error codes; Anthropic API reference, errors.
  for (const [status, openai, anthropic] of [
    [400, 'invalid_request_error', 'invalid_request_error'],
    [401, 'authentication_error', 'authentication_error'],
    [403, 'permission_error', 'permission_error'],
    [404, 'not_found_error', 'not_found_error'],
    [413, 'invalid_request_error', 'request_too_large'],
    [429, 'rate_limit_error', 'rate_limit_error'],
    [500, 'server_error', 'api_error'],
    [502, 'server_error', 'api_error'],
    [503, 'server_error', 'overloaded_error'],
    [504, 'server_error', 'timeout_error'],
  ] as const) {
    it(`have the type that belongs to ${status}`, () => {
      expect(typeOf(errorBody('chat_completions', error(status)))).to.equal(openai);
      expect(typeOf(errorBody('messages', error(status)))).to.equal(anthropic);
    });
  }

  it('say why in the fields that each API has for it', () => {
    expect(JSON.parse(errorBody('embeddings', error(400)).toString())).to.deep.equal({
      error: { message: 'no', type: 'invalid_request_error', param: null, code: 'why' },
    });
    expect(JSON.parse(errorBody('messages_count_tokens', error(400)).toString())).to.deep.equal({
      type: 'error',
      error: { type: 'invalid_request_error', message: 'no' },
    });
    expect(JSON.parse(errorBody('rerank', error(400)).toString())).to.deep.equal({ message: 'no' });
  });

  it('end streams as an event of the name that the API gives it', () => {
    expect(errorEvent('chat_completions', error(502)).toString()).to.match(/^data: \{.*\}\n\n$/);
    expect(errorEvent('messages', error(502)).toString()).to.match(/^event: error\ndata: \{.*\}\n\n$/);
    expect(errorEvent('responses', error(502)).toString()).to.match(/^event: error\ndata: \{.*\}\n\n$/);
  });
});
