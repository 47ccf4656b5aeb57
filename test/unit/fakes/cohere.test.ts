import { expect } from 'chai';
import { COHERE_KEY, type Fake, startCohere } from '../../fakes/index.ts';
import { type ClientResponse, request } from '../../support/index.ts';

const AUTH = { authorization: `Bearer ${COHERE_KEY}` };
const QUERY = { model: 'rerank-v3.5', query: 'capital?', documents: ['Paris', 'Rome', 'Bern'] };

describe('fake of Cohere', () => {
  let fake: Fake;
  before(async () => {
    fake = await startCohere();
  });
  after(() => fake.close());
  beforeEach(() => fake.reset());

  const post = (body: unknown, headers: Record<string, string> = AUTH, path = '/v2/rerank'): Promise<ClientResponse> =>
    request({ port: fake.port, path, body, headers });

  it('ranks documents and tells what it bills', async () => {
    const response = await post({ ...QUERY, top_n: 2 });
    expect(response.status).to.equal(200);
    expect(response.json).to.have.deep.property('results', [
      { index: 2, relevance_score: 0.75 },
      { index: 1, relevance_score: 0.5 },
    ]);
    expect(response.json).to.have.nested.property('meta.billed_units.search_units', 1);
    expect(response.json).to.have.nested.property('meta.tokens.input_tokens', 6);
  });

  const refusals: [string, () => Promise<ClientResponse>, number][] = [
    ['no key', () => post(QUERY, {}), 401],
    ['another key', () => post(QUERY, { authorization: 'Bearer x' }), 401],
    ['an unknown path', () => post(QUERY, AUTH, '/v1/rerank'), 404],
    ['a wrong method', () => request({ port: fake.port, path: '/v2/rerank', headers: AUTH }), 405],
    ['a wrong content type', () => post(QUERY, { ...AUTH, 'content-type': 'text/plain' }), 400],
    ['broken JSON', () => post('{'), 400],
    ['no query', () => post({ ...QUERY, query: undefined }), 400],
    ['no documents', () => post({ ...QUERY, documents: [] }), 400],
    ['an unknown field', () => post({ ...QUERY, stream: true }), 400],
  ];
  for (const [what, send, status] of refusals) {
    it(`refuses ${what} as Cohere does`, async () => {
      const response = await send();
      expect(response.status).to.equal(status);
      expect(response.json).to.have.property('message').that.is.a('string');
    });
  }
});
