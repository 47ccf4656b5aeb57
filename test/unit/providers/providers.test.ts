import { expect } from 'chai';
import { API_ENDPOINTS, type EndpointName, type ProviderIr } from '../../../src/ir/index.ts';
import {
  alwaysNeedsTranslation,
  CREDENTIAL_HEADERS,
  isPublicProvider,
  nativePath,
  providerFacts,
  servesNatively,
} from '../../../src/providers/index.ts';

const openai: ProviderIr = { schema: 'OpenAI' };

function native(schema: ProviderIr['schema']): EndpointName[] {
  return API_ENDPOINTS.map(({ name }) => name).filter((name) => servesNatively(name, schema));
}

describe('providers: paths', () => {
  it('put the prefix before the endpoint, whatever its slashes', () => {
    expect(nativePath('chat_completions', openai)).to.equal('/v1/chat/completions');
    expect(nativePath('chat_completions', { ...openai, prefix: '/api/v3/' })).to.equal('/api/v3/chat/completions');
    expect(nativePath('embeddings', { ...openai, prefix: '' })).to.equal('/embeddings');
    expect(nativePath('messages_count_tokens', { schema: 'Anthropic' })).to.equal('/v1/messages/count_tokens');
    expect(nativePath('rerank', { schema: 'Cohere' })).to.equal('/v2/rerank');
    expect(nativePath('rerank', { schema: 'Cohere', prefix: 'x/v2' })).to.equal('/x/v2/rerank');
  });

  it('keep vLLM’s tokenize outside of the prefix', () => {
    expect(nativePath('tokenize', { ...openai, prefix: 'api/v1' })).to.equal('/tokenize');
  });

  it('are literal: a prefix is no pattern', () => {
    expect(nativePath('embeddings', { ...openai, prefix: 'a/$&' })).to.equal('/a/$&/embeddings');
  });

  it('name the deployment and the version at Azure', () => {
    const azure: ProviderIr = { schema: 'AzureOpenAI', version: '2025-01-01-preview' };
    expect(nativePath('chat_completions', azure)).to.equal(
      '/openai/deployments/{model}/chat/completions?api-version=2025-01-01-preview',
    );
    expect(nativePath('responses', azure)).to.equal('/openai/responses?api-version=2025-01-01-preview');
    expect(nativePath('responses', { ...azure, version: 'a&b=c' })).to.equal('/openai/responses?api-version=a%26b%3Dc');
  });

  it('have a version at Azure where none is configured', () => {
    for (const endpoint of native('AzureOpenAI')) {
      expect(nativePath(endpoint, { schema: 'AzureOpenAI' }), endpoint).to.match(
        /\?api-version=\d{4}-\d\d-\d\d(-preview)?$/,
      );
      expect(nativePath(endpoint, { schema: 'AzureOpenAI', version: '' }), endpoint).to.match(/\?api-version=\d{4}/);
    }
  });

  it('are undefined where a request needs translation', () => {
    expect(nativePath('chat_completions', { schema: 'Anthropic' })).to.equal(undefined);
    expect(nativePath('messages', openai)).to.equal(undefined);
    expect(nativePath('chat_completions', { schema: 'AWSBedrock' })).to.equal(undefined);
  });
});

describe('providers: facts', () => {
  it('say which endpoints pass unchanged', () => {
    expect(native('OpenAI')).to.deep.equal(API_ENDPOINTS.filter(({ api }) => api === 'openai').map(({ name }) => name));
    expect(native('Anthropic')).to.deep.equal(['messages', 'messages_count_tokens']);
    expect(native('Cohere')).to.deep.equal(['rerank']);
    expect(native('AzureOpenAI')).to.not.include('tokenize');
  });

  it('say which schemas no client speaks', () => {
    const schemas = ['AWSBedrock', 'AWSAnthropic', 'GCPVertexAI', 'GCPAnthropic'] as const;
    expect(schemas.filter((schema) => !alwaysNeedsTranslation(schema))).to.deep.equal([]);
    expect(alwaysNeedsTranslation('Cohere')).to.equal(false);
  });

  it('belong to the schema they are asked for', () => {
    expect(providerFacts('GCPAnthropic').schema).to.equal('GCPAnthropic');
    expect(providerFacts('AzureOpenAI').credential).to.deep.equal({ header: 'api-key', prefix: '' });
  });

  it('list every credential header once', () => {
    expect(CREDENTIAL_HEADERS).to.deep.equal(['api-key', 'authorization', 'x-api-key']);
  });

  it('know the hosts of public providers', () => {
    const hosts = ['api.openai.com', 'API.OpenAI.com.', 'me.openai.azure.com', 'eu-west1-aiplatform.googleapis.com'];
    expect(hosts.filter((host) => !isPublicProvider(host))).to.deep.equal([]);
    expect(['openai.azure.com', 'api.openai.com.example.org', 'localhost'].filter(isPublicProvider)).to.deep.equal([]);
  });
});
