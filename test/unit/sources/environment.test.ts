import { expect } from 'chai';
import { GatewayError } from '../../../src/lib/errors.ts';
import type { UnknownObject } from '../../../src/resources/index.ts';
import { objectsFromEnvironment, readSources } from '../../../src/sources/index.ts';

type Env = Record<string, string>;

/** Writes the objects, reads them as a user's file, and finds nothing wrong. */
async function objectsFor(env: Env): Promise<Map<string, UnknownObject>> {
  const text = objectsFromEnvironment(env) ?? '';
  const result = await readSources(['-'], { env, strict: true, stdin: async () => text });
  if (!result.ok) throw new Error(JSON.stringify(result.findings));
  expect(result.set.findings.filter((finding) => finding.level !== 'info')).to.deep.equal([]);
  return new Map(result.set.objects.map(({ id, object }) => [`${id.kind}/${id.name}`, object]));
}

function specOf(objects: Map<string, UnknownObject>, name: string): Record<string, unknown> {
  return (objects.get(name)?.spec ?? {}) as Record<string, unknown>;
}

function models(objects: Map<string, UnknownObject>): string[] {
  const rules = specOf(objects, 'AIGatewayRoute/headgate').rules as {
    matches: [{ headers: [{ value: string }] }];
    backendRefs: [{ name: string }];
  }[];
  return rules.map(({ matches, backendRefs }) => `${matches[0].headers[0].value} ${backendRefs[0].name}`);
}

function failure(env: Env): string {
  try {
    objectsFromEnvironment(env);
  } catch (caught) {
    if (caught instanceof GatewayError) return `${caught.code}: ${caught.message}`;
  }
  return 'none';
}

describe('objectsFromEnvironment', () => {
  it('gives nothing without a key', () => {
    expect(objectsFromEnvironment({})).to.equal(undefined);
    expect(objectsFromEnvironment({ OPENAI_API_KEY: '', OPENAI_BASE_URL: 'http://127.0.0.1/' })).to.equal(undefined);
  });

  it('sends all models to OpenAI, over TLS, with key, organization and project', async () => {
    const env = { OPENAI_API_KEY: '12345678', OPENAI_ORG_ID: 'org: 1', OPENAI_PROJECT_ID: 'p' };
    expect(objectsFromEnvironment(env)).not.to.match(/12345678|org: 1/);
    const objects = await objectsFor(env);
    expect([...objects.keys()].sort()).to.deep.equal([
      'AIGatewayRoute/headgate',
      'AIServiceBackend/openai',
      'Backend/openai',
      'BackendSecurityPolicy/openai',
      'BackendTLSPolicy/openai',
      'Gateway/headgate',
      'GatewayClass/headgate',
      'Secret/openai',
    ]);
    expect(models(objects)).to.deep.equal(['.* openai']);
    expect(objects.get('Secret/openai')?.stringData).to.deep.equal({ apiKey: '12345678' });
    const { endpoints } = specOf(objects, 'Backend/openai');
    expect(endpoints).to.deep.equal([{ fqdn: { hostname: 'api.openai.com', port: 443 } }]);
    expect(specOf(objects, 'BackendTLSPolicy/openai').validation).to.include({ hostname: 'api.openai.com' });
    const { schema, headerMutation } = specOf(objects, 'AIServiceBackend/openai');
    expect(schema).to.deep.equal({ name: 'OpenAI' });
    expect(headerMutation).to.deep.equal({
      set: [
        { name: 'OpenAI-Organization', value: 'org: 1' },
        { name: 'OpenAI-Project', value: 'p' },
      ],
    });
    const policy = specOf(objects, 'BackendSecurityPolicy/openai');
    expect(policy.type).to.equal('APIKey');
    expect(policy.apiKey).to.have.nested.property('secretRef.name', 'openai');
  });

  it('takes address, port and prefix from the base URL, without TLS for http', async () => {
    const cases: [string, object, string | undefined, string | undefined][] = [
      ['http://127.0.0.1:11434/v1', { ip: { address: '127.0.0.1', port: 11434 } }, undefined, undefined],
      ['http://localhost:8080', { ip: { address: '127.0.0.1', port: 8080 } }, undefined, undefined],
      ['https://localhost:8443/', { ip: { address: '127.0.0.1', port: 8443 } }, undefined, 'localhost'],
      ['http://[::1]/v1/', { ip: { address: '0:0:0:0:0:0:0:1', port: 80 } }, undefined, undefined],
      ['http://ollama:11434/api/v2/', { fqdn: { hostname: 'ollama', port: 11434 } }, 'api/v2', undefined],
      ['https://llm.example/api/v1', { fqdn: { hostname: 'llm.example', port: 443 } }, 'api/v1', 'llm.example'],
    ];
    for (const [url, endpoint, prefix, tlsHost] of cases) {
      const objects = await objectsFor({ OPENAI_API_KEY: 'k', OPENAI_BASE_URL: url });
      expect(specOf(objects, 'Backend/openai').endpoints, url).to.deep.equal([endpoint]);
      const schema = specOf(objects, 'AIServiceBackend/openai').schema as { prefix?: string };
      expect(schema.prefix, url).to.equal(prefix);
      const validation = specOf(objects, 'BackendTLSPolicy/openai').validation as { hostname?: string } | undefined;
      expect(validation?.hostname, url).to.equal(tlsHost);
    }
  });

  it('sends all models to Anthropic, whose base URL is without v1', async () => {
    const prefixes: [string, string | undefined][] = [
      ['', undefined],
      ['https://api.anthropic.com/', undefined],
      ['https://api.anthropic.com/v1', undefined],
      ['https://llm.example/anthropic', 'anthropic/v1'],
      ['https://llm.example/anthropic/v2/', 'anthropic/v2'],
    ];
    for (const [url, prefix] of prefixes) {
      const objects = await objectsFor({ ANTHROPIC_API_KEY: 'k', ANTHROPIC_BASE_URL: url });
      expect(models(objects)).to.deep.equal(['.* anthropic']);
      const schema = specOf(objects, 'AIServiceBackend/anthropic').schema;
      expect(schema, url).to.deep.equal({ name: 'Anthropic', ...(prefix && { prefix }) });
      expect(specOf(objects, 'BackendSecurityPolicy/anthropic').type).to.equal('AnthropicAPIKey');
    }
  });

  it('sends claude models to Anthropic and the rest to OpenAI where both are there', async () => {
    const objects = await objectsFor({ OPENAI_API_KEY: 'k1', ANTHROPIC_API_KEY: 'k2' });
    expect(models(objects)).to.deep.equal(['claude-.* anthropic', '.* openai']);
    expect(objects.get('Secret/openai')?.stringData).to.deep.equal({ apiKey: 'k1' });
    expect(objects.get('Secret/anthropic')?.stringData).to.deep.equal({ apiKey: 'k2' });
  });

  it('takes Azure where its key is set', async () => {
    const env = {
      AZURE_OPENAI_API_KEY: 'a',
      AZURE_OPENAI_ENDPOINT: 'https://mine.openai.azure.com/',
      OPENAI_API_VERSION: '2024-10-21',
      OPENAI_API_KEY: 'k',
    };
    const objects = await objectsFor(env);
    expect(models(objects)).to.deep.equal(['.* azure-openai']);
    const { schema } = specOf(objects, 'AIServiceBackend/azure-openai');
    expect(schema).to.deep.equal({ name: 'AzureOpenAI', version: '2024-10-21' });
    const policy = specOf(objects, 'BackendSecurityPolicy/azure-openai');
    expect(policy.type).to.equal('AzureAPIKey');
    expect(policy.azureAPIKey).to.have.nested.property('secretRef.name', 'azure-openai');
    expect(failure({ AZURE_OPENAI_API_KEY: 'a' })).to.match(/^usage: AZURE_OPENAI_ENDPOINT must be set/);
    const { OPENAI_API_VERSION: _version, ...noVersion } = env;
    expect(failure(noVersion)).to.match(/^usage: OPENAI_API_VERSION must be set/);
  });

  it('refuses URLs it cannot use, without quoting them', () => {
    for (const url of ['nonsense', 'ftp://a.example', 'http://me:hush@a.example/', 'http://a.example/?key=hush']) {
      expect(failure({ OPENAI_API_KEY: 'k', OPENAI_BASE_URL: url }), url).to.match(/^usage: OPENAI_BASE_URL must/);
      expect(failure({ OPENAI_API_KEY: 'k', OPENAI_BASE_URL: url })).not.to.contain('hush');
    }
  });
});
