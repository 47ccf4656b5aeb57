import { expect } from 'chai';
import { AZURE_KEY, type Fake, startAzure } from '../../fakes/index.ts';
import { type ClientResponse, multipartForm, request } from '../../support/index.ts';

const AUTH = { 'api-key': AZURE_KEY };
const HELLO = { messages: [{ role: 'user', content: 'hello there' }] };
const CHAT = '/openai/deployments/my-gpt/chat/completions?api-version=2025-01-01-preview';

describe('fake of Azure OpenAI', () => {
  let fake: Fake;
  before(async () => {
    fake = await startAzure({ tokens: ['entra'] });
  });
  after(() => fake.close());
  beforeEach(() => fake.reset());

  const post = (path: string, body: unknown = HELLO, headers: Record<string, string> = AUTH): Promise<ClientResponse> =>
    request({ port: fake.port, path, body, headers });

  it('answers by deployment, with a key or a token', async () => {
    const response = await post(CHAT);
    expect(response.status).to.equal(200);
    expect(response.json).to.have.property('model', 'my-gpt');
    expect(response.json).to.have.nested.property('usage.total_tokens', 8);
    expect((await post(CHAT, HELLO, { authorization: 'Bearer entra' })).status).to.equal(200);
    expect(fake.foreignCredentials).to.deep.equal([]);
  });

  it('begins a stream with a chunk that has no choices', async () => {
    const events = (await post(CHAT, { ...HELLO, stream: true, stream_options: { include_usage: true } })).sse();
    expect(events[0]?.json).to.have.deep.property('choices', []);
    expect(events[0]?.json).to.have.property('prompt_filter_results');
    expect(events.at(-2)?.json).to.have.nested.property('usage.completion_tokens', 5);
  });

  it('answers the other operations', async () => {
    const version = 'api-version=2024-10-21';
    const vectors = await post(`/openai/deployments/emb/embeddings?${version}`, { input: 'x' });
    expect(vectors.json).to.have.property('model', 'emb');
    const text = await post(`/openai/deployments/d/completions?${version}`, { prompt: 'x' });
    expect(text.json).to.have.property('object', 'text_completion');
    const answer = await post(`/openai/responses?${version}`, { model: 'd', input: 'x' });
    expect(answer.json).to.have.property('object', 'response');
    const form = multipartForm([{ name: 'file', filename: 'a.mp3', data: Buffer.from('x') }]);
    const path = `/openai/deployments/whisper/audio/transcriptions?${version}`;
    const heard = await request({ port: fake.port, path, ...form, headers: { ...AUTH, ...form.headers } });
    expect(heard.json).to.have.property('text');
  });

  const refusals: [string, () => Promise<ClientResponse>, number, string | null][] = [
    ['no api-version', () => post('/openai/deployments/my-gpt/chat/completions'), 404, '404'],
    ['a bad api-version', () => post('/openai/deployments/my-gpt/chat/completions?api-version=v1'), 404, '404'],
    ['no key', () => post(CHAT, HELLO, {}), 401, '401'],
    ["OpenAI's form of a key", () => post(CHAT, HELLO, { authorization: `Bearer ${AZURE_KEY}` }), 401, '401'],
    ["OpenAI's path", () => post('/v1/chat/completions?api-version=2024-10-21'), 404, '404'],
    ['an unknown operation', () => post('/openai/deployments/d/chat?api-version=2024-10-21'), 404, '404'],
    ['a wrong method', () => request({ port: fake.port, path: CHAT, headers: AUTH }), 405, '405'],
    ['no messages', () => post(CHAT, { model: 'x' }), 400, 'missing_required_parameter'],
  ];
  for (const [what, send, status, code] of refusals) {
    it(`refuses ${what} as Azure does`, async () => {
      const response = await send();
      expect(response.status).to.equal(status);
      expect(response.json).to.have.nested.property('error.code', code);
    });
  }

  it('knows only the deployments that exist', async () => {
    fake.settings.models = ['my-gpt'];
    expect((await post(CHAT)).status).to.equal(200);
    const missing = await post('/openai/deployments/other/chat/completions?api-version=2024-10-21');
    expect(missing.json).to.have.nested.property('error.code', 'DeploymentNotFound');
  });
});
