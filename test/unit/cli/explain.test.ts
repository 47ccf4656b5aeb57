import { expect } from 'chai';
import { CHAT, headgate, yamlFile } from './cli.ts';

const file = yamlFile(CHAT);

async function explained(args: readonly string[], stdin = '') {
  const { code, stdout, stderr } = await headgate(['explain', '-o', 'json', file, ...args], { stdin });
  expect(stderr).to.equal('');
  expect(code).to.equal(0);
  return JSON.parse(stdout);
}

/** The answer that the only listener gives. */
async function answered(args: readonly string[], stdin = '') {
  const { listeners } = await explained(args, stdin);
  expect(listeners).to.have.length(1);
  return listeners[0].outcome;
}

describe('cli: explain', () => {
  it('names listener, host, route and backends in their order', async () => {
    const { request, listeners } = await explained(['--model', 'gpt', '/v1/chat/completions']);
    expect(request).to.deep.equal({
      method: 'POST',
      path: '/v1/chat/completions',
      endpoint: 'chat_completions',
      model: 'gpt',
    });
    const [{ gateway, listener, address, host, route, outcome, others }] = listeners;
    expect({ gateway, listener, address, host }).to.deep.equal({
      gateway: 'default/ai',
      listener: 'http',
      address: '0.0.0.0:8080',
      host: '*',
    });
    expect(route.object).to.equal('AIGatewayRoute/default/chat');
    expect(route.place).to.match(/config\.yaml:\d+:\d+$/);
    expect(route.conditions).to.deep.equal(['inference endpoint', 'header x-ai-eg-model = "gpt"']);
    expect(outcome.backends.map((one: { backend: string }) => one.backend)).to.deep.equal([
      'default/openai',
      'default/backup',
    ]);
    expect(outcome.backends[0]).to.deep.include({
      cluster: 'AIServiceBackend/default/openai',
      schema: 'OpenAI',
      percent: 100,
      endpoints: ['api.openai.test:443'],
      tls: 'api.openai.test (system authorities)',
      path: '/v1/chat/completions',
      model: 'gpt',
      credential: 'authorization: Bearer <Secret/default/openai-key/apiKey>',
    });
    expect(outcome.backends[1]).to.include({ model: 'gpt-small', priority: 1 });
    expect(outcome.retry[0]).to.equal('up to 2 attempts, 1 at each backend');
    expect(outcome.costs).to.deep.equal([{ key: 'spent', value: 'total tokens' }]);
    expect(others).to.deep.equal([
      {
        name: 'AIGatewayRoute/default/chat/rule/1/match/0',
        reason: 'wants header x-ai-eg-model = "claude", got "gpt"',
      },
    ]);
  });

  it('says the same to people', async () => {
    const { stdout } = await headgate(['explain', '--color', 'never', file, '--model', 'gpt', '/v1/chat/completions']);
    expect(stdout).to.contain('\nroute      AIGatewayRoute/default/chat: spec.rules[0].matches[0] (');
    expect(stdout).to.contain('\n  1. default/openai (OpenAI), priority 0, 100%\n');
    expect(stdout).to.contain('\n     credential authorization: Bearer <Secret/default/openai-key/apiKey>\n');
    expect(stdout).to.contain('\n  spent: total tokens\n');
  });

  it('reads the model from a body', async () => {
    const args = ['-X', 'POST', '-H', 'Content-Type: application/json', '--body'];
    const body = yamlFile('{"messages":[{"model":"inner"}],"model":"claude"}', 'body.json');
    expect((await answered([...args, body, '/anthropic/v1/messages'])).backends[0].backend).to.equal('default/claude');
    const form = '--x\r\nContent-Disposition: form-data; name="model"\r\n\r\ngpt\r\n--x--\r\n';
    const multipart = [
      '-H',
      'content-type: multipart/form-data; boundary=x',
      '--body',
      '-',
      '/v1/audio/transcriptions',
    ];
    expect((await answered(multipart, form)).backends[0].backend).to.equal('default/openai');
  });

  it('refuses what the gateway refuses', async () => {
    const cases: [string, number, RegExp][] = [
      ['', 400, /the body is empty/],
      ['{"model":"a","model":"b"}', 400, /"model" twice/],
      ['{"x":{"y":1,"y":2},"a":1,"\\u0061":2}', 400, /"a" twice/],
      ['{"model":1}', 400, /must be a string/],
      ['{"messages":[]}', 400, /names no model/],
      ['[]', 400, /expected a JSON object/],
      [`{"model":"gpt","x":"${'y'.repeat(33_554_432)}"}`, 413, /33554432 are allowed/],
    ];
    for (const [body, status, message] of cases) {
      const outcome = await answered(['-X', 'POST', '--body', '-', '/v1/chat/completions'], body);
      expect(outcome.status, body.slice(0, 40)).to.equal(status);
      expect(outcome.message).to.match(message);
    }
    const zipped = ['--model', 'gpt', '-H', 'content-encoding: gzip', '/v1/chat/completions'];
    expect(await answered(zipped)).to.include({ status: 415 });
  });

  it('says what is answered without a backend', async () => {
    expect(await answered(['--model', 'nope', '/v1/chat/completions'])).to.deep.equal({
      kind: 'answer',
      status: 404,
      message: 'the model "nope" does not exist or is not served here',
    });
    expect(await answered(['/nothing'])).to.include({ status: 404 });
    const translation = await answered(['--model', 'claude', '/v1/audio/speech']);
    expect(translation).to.include({ status: 501 });
    expect(translation.message).to.contain('default/claude speaks Anthropic');
    const old = await answered(['--envoy-version', '1.35.0', '--model', 'gpt', '/v1/chat/completions']);
    expect(old).to.include({ status: 501 });
    expect(await answered(['/v1/models?limit=5'])).to.deep.equal({
      kind: 'models',
      models: [
        { id: 'gpt', ownedBy: 'Envoy AI Gateway' },
        { id: 'claude', ownedBy: 'Envoy AI Gateway' },
      ],
    });
  });

  it('says what is translated', async () => {
    const { kind, backends } = await answered(['--model', 'claude', '/v1/chat/completions']);
    expect(kind).to.equal('backends');
    expect(backends[0]).to.deep.include({ path: '/v1/messages', changes: ['is translated for Anthropic'] });
  });

  it('does not let a client name the model by header', async () => {
    const outcome = await answered(['-H', 'x-ai-eg-model: claude', '--model', 'gpt', '/v1/chat/completions']);
    expect(outcome.backends[0].backend).to.equal('default/openai');
  });

  it('chooses by port and host, and follows rules of HTTPRoutes', async () => {
    const http = `apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: web, namespace: default}
spec:
  parentRefs: [{name: ai}]
  hostnames: [web.example.com]
  rules:
    - matches: [{path: {type: PathPrefix, value: /api}, queryParams: [{name: v, value: "1"}]}]
      filters: [{type: URLRewrite, urlRewrite: {path: {type: ReplacePrefixMatch, replacePrefixMatch: /}}}]
      backendRefs: [{group: gateway.envoyproxy.io, kind: Backend, name: backup, weight: 3}, {group: gateway.envoyproxy.io, kind: Backend, name: claude, weight: 1}]
    - matches: [{path: {type: Exact, value: /old}}]
      filters: [{type: RequestRedirect, requestRedirect: {scheme: https, statusCode: 301}}]`;
    const both = yamlFile(`${CHAT}\n---\n${http}`);
    const at = async (...args: string[]) => {
      const { code, stdout, stderr } = await headgate(['explain', '-o', 'json', '-f', both, ...args]);
      expect(code, stderr).to.equal(0);
      return JSON.parse(stdout).listeners[0];
    };
    const api = await at('http://web.example.com:8080/api/x?v=1&v=2');
    expect(api.host).to.equal('web.example.com');
    expect(api.outcome.backends.map((one: { percent: number; path: string }) => [one.percent, one.path])).to.deep.equal(
      [
        [75, '/x'],
        [25, '/x'],
      ],
    );
    const { others } = await at('-H', 'Host: WEB.example.com:8080', '/apix?v=1');
    expect(others.map((one: { reason: string }) => one.reason)).to.deep.equal([
      'wants path = "/old"',
      'wants path begins with "/api"',
    ]);
    expect((await at('-H', 'Host: web.example.com', '/old')).outcome).to.deep.equal({
      kind: 'redirect',
      status: 301,
      to: 'https://web.example.com/old',
    });
    expect((await at('http://web.example.com/old')).host).to.equal('web.example.com');
    expect((await headgate(['explain', both, 'https://web.example.com/api'])).code).to.equal(1);
    expect((await headgate(['explain', both, 'http://web.example.com:9999/api'])).code).to.equal(1);
  });

  it('explains its own usage errors', async () => {
    const wrong = [
      [file, 'no-path'],
      ['/v1/models'],
      [file, '-H', 'nonsense', '/v1/models'],
      [file, '--model', 'a', '--body', file, '/v1/chat/completions'],
      ['-', '--body', '-', '/v1/chat/completions'],
      [],
    ];
    for (const args of wrong) expect((await headgate(['explain', ...args])).code, args.join(' ')).to.equal(2);
    expect((await headgate(['explain', file, '--body', '/nonexistent', '/v1/models'])).code).to.equal(3);
  });

  describe('limits', () => {
    const limited = yamlFile(
      `${CHAT}
---
apiVersion: gateway.envoyproxy.io/v1alpha1
kind: BackendTrafficPolicy
metadata: {name: limits, annotations: {headgate.dev/reserve: max_tokens}}
spec:
  targetRefs: [{group: gateway.networking.k8s.io, kind: HTTPRoute, name: chat}]
  rateLimit:
    local: {rules: [{limit: {requests: 5, unit: Second}}]}
    global:
      rules:
        - clientSelectors: [{headers: [{name: x-tenant, type: Distinct}, {name: x-tier, value: gold}]}]
          limit: {requests: 1000, unit: Hour}
          shadowMode: true
        - limit: {requests: 7, unit: Day}
          cost:
            request: {from: Number, number: 0}
            response: {from: Metadata, metadata: {namespace: io.envoy.ai_gateway, key: spent}}
---
apiVersion: aigateway.envoyproxy.io/v1alpha1
kind: QuotaPolicy
metadata: {name: quotas, annotations: {headgate.dev/reserve: prompt}}
spec:
  targetRefs: [{group: aigateway.envoyproxy.io, kind: AIServiceBackend, name: backup}]
  perModelQuotas:
    - modelName: gpt-small
      quota:
        costExpression: input_tokens
        bucketRules:
          - clientSelectors: [{headers: [{name: x-tenant, type: RegularExpression, value: "a+"}]}]
            quota: {limit: 3, duration: 1m}
        defaultBucket: {limit: 9, duration: 1d}
`,
    );
    const ask = async (...args: string[]) => {
      const { stdout, stderr } = await headgate([
        'explain',
        ...args,
        limited,
        '--model',
        'gpt',
        '/v1/chat/completions',
      ]);
      expect(stderr).to.equal('');
      return stdout;
    };

    it('tells whose bucket a request meets, or why none, and never what proves who a client is', async () => {
      const gold = JSON.parse(await ask('-o', 'json', '-H', 'X-Tenant: secret', '-H', 'x-tier: gold')).listeners[0];
      expect(JSON.stringify(gold)).not.to.contain('secret');
      expect(gold.outcome.limits).to.deep.equal([
        {
          limit: '1000 an hour',
          source: 'BackendTrafficPolicy/default/limits: spec.rateLimit.global.rules[0]',
          bucket: 'of the value of header x-tenant',
          shadow: true,
          counts: ['takes 1 on arrival'],
        },
        {
          limit: '7 a day',
          source: 'BackendTrafficPolicy/default/limits: spec.rateLimit.global.rules[1]',
          bucket: 'of all',
          counts: [
            "reserves total tokens, estimated with the request's maximum of output, else 1024",
            'charges io.envoy.ai_gateway spent when the answer has ended',
          ],
        },
        {
          limit: '5 a second in each Envoy',
          source: gold.outcome.limits[2].source,
          bucket: 'of all',
          counts: ['takes 1 on arrival'],
        },
      ]);
      const plain = JSON.parse(await ask('-o', 'json')).listeners[0];
      expect(plain.outcome.limits[0].missed).to.deep.equal(['no header x-tenant', 'wants header x-tier = "gold"']);
    });

    it('tells the quota of each backend for the model that it is asked for', async () => {
      const { backends } = JSON.parse(await ask('-o', 'json', '-H', 'x-tenant: aa')).listeners[0].outcome;
      expect(backends[0].quota).to.equal(undefined);
      expect(backends[1].quota.map((one: { limit: string; bucket: string }) => [one.limit, one.bucket])).to.deep.equal([
        ['3 a minute', 'of all'],
        ['9 a day', 'of all'],
      ]);
      expect(backends[1].quota[0].counts).to.deep.equal([
        'reserves input_tokens, estimated of the prompt alone',
        'charges input_tokens when the answer has ended',
      ]);
      const text = await ask('-H', 'x-tenant: b');
      expect(text).to.match(/quota +3 a minute not met: wants header x-tenant regex of "a\+"\n/);
      expect(text).to.match(/limits\n {2}1000 an hour not met: wants header x-tier = "gold" \(shadow/);
    });
  });
});
