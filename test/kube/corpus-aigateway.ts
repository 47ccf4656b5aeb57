import { type CorpusCase, casesOf } from './corpus-case.ts';

const apiVersion = 'aigateway.envoyproxy.io/v1beta1';
const route = casesOf(apiVersion, 'AIGatewayRoute');
const oldRoute = casesOf('aigateway.envoyproxy.io/v1alpha1', 'AIGatewayRoute');
const backend = casesOf(apiVersion, 'AIServiceBackend');
const policy = casesOf(apiVersion, 'BackendSecurityPolicy');
const config = casesOf(apiVersion, 'GatewayConfig');
const mcp = casesOf(apiVersion, 'MCPRoute');
const quota = casesOf('aigateway.envoyproxy.io/v1alpha1', 'QuotaPolicy');

const oidc = {
  clientID: 'client',
  clientSecret: { name: 'secret' },
  cookieConfig: { sameSite: 'Lax' },
  cookieDomain: 'example.com',
  cookieNames: { accessToken: 'access', idToken: 'id' },
  csrfTokenTTL: '1h',
  defaultRefreshTokenTTL: '1h',
  defaultTokenTTL: '1h30m',
  denyRedirect: { headers: [{ name: 'x-a', value: 'b' }] },
  disableTokenEncryption: false,
  forwardAccessToken: true,
  forwardIDToken: { header: 'x-id' },
  logoutPath: '/logout',
  passThroughAuthHeader: true,
  provider: {
    issuer: 'https://issuer.example.com',
    authorizationEndpoint: 'https://issuer.example.com/auth',
    tokenEndpoint: 'https://issuer.example.com/token',
    endSessionEndpoint: 'https://issuer.example.com/end',
    backendRefs: [{ name: 'backend', port: 443, fallback: true }],
    backendSettings: {
      circuitBreaker: { perEndpoint: {} },
      connection: { bufferLimit: '1Mi', socketBufferLimit: 5 },
      dns: { dnsRefreshRate: '5s', lookupFamily: 'IPv4', respectDnsTtl: true },
      healthCheck: { active: { type: 'HTTP', http: { path: '/', expectedStatuses: [200] } }, passive: {} },
      http2: { initialStreamWindowSize: '64Ki', connectionKeepalive: { interval: '10s', timeout: '5s' } },
      loadBalancer: { type: 'ConsistentHash', consistentHash: { type: 'Header', header: { name: 'x-a' } } },
      proxyProtocol: { version: 'V1' },
      retry: { retryOn: { triggers: ['5xx'] }, perRetry: { backOff: { baseInterval: '1s' } } },
      tcpKeepalive: { idleTime: '5s', interval: '5s', probes: 3 },
      timeout: { tcp: { connectTimeout: '5s' }, http: { requestTimeout: '5s' } },
    },
  },
  redirectURL: 'https://example.com/back',
  resources: ['a'],
  scopes: ['openid'],
};

const exchange = { aud: 'aud', grantType: 'client_credentials', oidc };
const target = [{ group: 'aigateway.envoyproxy.io', kind: 'AIServiceBackend', name: 'backend' }];

const server = { name: 'server', port: 80 };
const mcpRoute = (extra: object) => ({ parentRefs: [{ name: 'gateway' }], backendRefs: [server], ...extra });
const remoteJwks = { uri: 'https://a.example.com/jwks', backendRefs: [{ name: 'a', port: 443 }], backendSettings: {} };
const oauth = {
  issuer: 'https://issuer.example.com',
  audiences: ['a'],
  claimToHeaders: [{ claim: 'sub', header: 'x-sub' }],
  jwks: { remoteJWKS: remoteJwks },
  protectedResourceMetadata: {
    resource: 'https://a.example.com/mcp',
    resourceName: 'a',
    scopesSupported: ['a'],
    resourceSigningAlgValuesSupported: ['RS256'],
    resourceDocumentation: 'https://a.example.com/docs',
    resourcePolicyUri: 'https://a.example.com/policy',
  },
};
const jwtRule = { source: { jwt: { scopes: ['a'], claims: [{ name: 'b', values: ['c'] }] } } };
const grpc = { backendRefs: [{ name: 'a', port: 80 }] };

const mcpRoutes: CorpusCase[] = [
  mcp.good('every field', {
    parentRefs: [{ name: 'gateway', sectionName: 'https' }],
    hostnames: ['a.example.com'],
    path: '/tools',
    headers: [{ name: 'x-a', value: 'b' }],
    backendRefs: [
      {
        name: 'a',
        kind: 'Backend',
        group: 'gateway.envoyproxy.io',
        path: '/a',
        forwardHeaders: [{ name: 'x-a', backendHeader: 'x-b' }],
        securityPolicy: { apiKey: { secretRef: { name: 'secret' }, header: 'x-key' } },
        toolSelector: { includeRegex: ['^a'], exclude: ['b'] },
      },
      server,
    ],
    backendSelector: { rules: [{ cel: 'true', action: 'Allow' }] },
    securityPolicy: {
      oauth,
      authorization: { rules: [{ ...jwtRule, target: { tools: [{ backend: 'a', tool: 'b' }] }, cel: 'true' }] },
      apiKeyAuth: { credentialRefs: [{ name: 'keys' }], extractFrom: [{ headers: ['x-key'] }], sanitize: true },
      extAuth: {
        http: { ...grpc, path: '/auth', headersToBackend: ['x-a'] },
        bodyToExtAuth: { maxRequestBytes: 1024 },
        contextExtensions: [{ name: 'a', value: 'b' }],
        statusOnError: 503,
        timeout: '1s',
      },
    },
  }),
  mcp.good(
    'keys in the configuration',
    mcpRoute({
      securityPolicy: {
        oauth: {
          ...oauth,
          jwks: { localJWKS: { type: 'ValueRef', valueRef: { group: '', kind: 'ConfigMap', name: 'a' } } },
        },
        extAuth: {
          grpc,
          contextExtensions: [
            { name: 'a', type: 'ValueRef', valueRef: { group: '', kind: 'Secret', name: 'a', key: 'b' } },
          ],
        },
      },
    }),
  ),
  mcp.bad('two servers of one name', 'spec.backendRefs', mcpRoute({ backendRefs: [server, server] })),
  mcp.bad('no server', 'spec.backendRefs', mcpRoute({ backendRefs: [] })),
  mcp.bad('no parent', 'spec.parentRefs', mcpRoute({ parentRefs: [] })),
  mcp.bad(
    'empty selector',
    'spec.backendRefs[0].toolSelector',
    mcpRoute({ backendRefs: [{ ...server, toolSelector: {} }] }),
  ),
  mcp.bad(
    'token rule without tokens',
    'spec.securityPolicy',
    mcpRoute({ securityPolicy: { authorization: { rules: [jwtRule] } } }),
  ),
  mcp.bad(
    'authorization without rules or tokens',
    'spec.securityPolicy',
    mcpRoute({ securityPolicy: { authorization: {} } }),
  ),
  mcp.bad(
    'claim scope',
    'spec.securityPolicy.authorization.rules[0].source.jwt.claims',
    mcpRoute({
      securityPolicy: {
        oauth,
        authorization: { rules: [{ source: { jwt: { claims: [{ name: 'scope', values: ['a'] }] } } }] },
      },
    }),
  ),
  mcp.bad(
    'issuer that is no URI',
    'spec.securityPolicy.oauth.issuer',
    mcpRoute({ securityPolicy: { oauth: { ...oauth, issuer: 'a b' } } }),
  ),
  mcp.bad(
    'two sorts of keys',
    'spec.securityPolicy.oauth.jwks',
    mcpRoute({
      securityPolicy: { oauth: { ...oauth, jwks: { remoteJWKS: remoteJwks, localJWKS: { inline: '{}' } } } },
    }),
  ),
  mcp.bad(
    'two services to ask',
    'spec.securityPolicy.extAuth',
    mcpRoute({ securityPolicy: { extAuth: { grpc, http: grpc } } }),
  ),
  mcp.bad(
    'key from two places',
    'spec.backendRefs[0].securityPolicy.apiKey',
    mcpRoute({
      backendRefs: [{ ...server, securityPolicy: { apiKey: { inline: 'a', secretRef: { name: 'a' } } } }],
    }),
  ),
];

/** Objects of the AI gateway kinds, with the verdict expected on each. */
export const aigatewayCorpus: readonly CorpusCase[] = [
  route.good('every field', {
    hostnames: ['a.example.com', '*.b.example.com'],
    llmRequestCosts: [
      { metadataKey: 'total', type: 'TotalToken' },
      { metadataKey: 'cost', type: 'CEL', cel: 'input_tokens + output_tokens' },
    ],
    parentRefs: [
      { name: 'gateway', namespace: 'other', sectionName: 'https', port: 443 },
      { name: 'b', kind: 'Gateway' },
    ],
    rules: [
      {
        name: 'first',
        matches: [{ headers: [{ name: 'x-ai-eg-model', value: 'gpt' }] }],
        backendRefs: [
          {
            name: 'a',
            namespace: 'other',
            weight: 3,
            priority: 1,
            modelNameOverride: 'gpt-mini',
            headerMutation: { set: [{ name: 'x-a', value: 'b' }], remove: ['x-c'] },
            bodyMutation: { set: [{ path: 'a', value: '1' }], remove: ['b'] },
          },
          { name: 'a' },
        ],
        modelsCreatedAt: '2026-01-02T03:04:05Z',
        modelsOwnedBy: 'us',
        streamIdleTimeout: '30s',
        timeouts: { request: '60s', backendRequest: '30s' },
      },
      { backendRefs: [{ name: 'pool', group: 'inference.networking.k8s.io', kind: 'InferencePool' }] },
      {},
    ],
  }),
  route.bad('two rules of one name', 'spec.rules', { rules: [{ name: 'a' }, { name: 'a' }] }),
  route.bad('reserved name', 'spec.rules[0]', { rules: [{ name: 'route-not-found' }] }),
  route.bad('attempt longer than the request', 'spec.rules[0].timeouts', {
    rules: [{ timeouts: { request: '1s', backendRequest: '2s' } }],
  }),
  route.good('no limit', { rules: [{ timeouts: { request: '0s', backendRequest: '2s' } }] }),
  route.bad('services and a pool', 'spec.rules[0]', {
    rules: [
      { backendRefs: [{ name: 'a' }, { name: 'b', group: 'inference.networking.k8s.io', kind: 'InferencePool' }] },
    ],
  }),
  route.bad('two pools', 'spec.rules[0]', {
    rules: [
      {
        backendRefs: ['a', 'b'].map((name) => ({ name, group: 'inference.networking.k8s.io', kind: 'InferencePool' })),
      },
    ],
  }),
  route.bad('Service in place of a pool', 'spec.rules[0].backendRefs[0]', {
    rules: [{ backendRefs: [{ name: 'a', group: '', kind: 'Service' }] }],
  }),
  route.bad('parent that is no Gateway', 'spec.parentRefs', {
    parentRefs: [{ name: 'a', kind: 'Service' }],
    rules: [],
  }),
  oldRoute.good('deprecated version', { rules: [{ backendRefs: [{ name: 'a' }] }] }),

  backend.good('every field', {
    backendRef: { name: 'a', kind: 'Backend', group: 'gateway.envoyproxy.io', namespace: 'other', port: 443 },
    schema: { name: 'OpenAI', version: 'v1', prefix: '/v1' },
    headerMutation: { set: [{ name: 'x-a', value: 'b' }], remove: ['x-c'] },
    bodyMutation: { set: [{ path: 'a', value: '1' }], remove: ['b'] },
  }),
  backend.bad('Service in place of a Backend', 'spec.backendRef', {
    backendRef: { name: 'a', port: 80 },
    schema: { name: 'Anthropic' },
  }),

  policy.good('API key', {
    type: 'APIKey',
    apiKey: { secretRef: { name: 'secret', namespace: 'other' } },
    targetRefs: target,
    credentialOverride: { fromRequestHeaders: { header: 'x-key', fallbackToConfigured: false } },
  }),
  policy.good('key from metadata', {
    type: 'AzureAPIKey',
    azureAPIKey: { secretRef: { name: 'secret' } },
    credentialOverride: { fromDynamicMetadata: { namespace: 'a', key: 'b' } },
  }),
  policy.bad('two overrides', 'spec.credentialOverride', {
    type: 'AnthropicAPIKey',
    anthropicAPIKey: { secretRef: { name: 'secret' } },
    credentialOverride: { fromDynamicMetadata: { namespace: 'a' }, fromRequestHeaders: {} },
  }),
  policy.bad('two credentials', 'spec', {
    type: 'APIKey',
    apiKey: { secretRef: { name: 'secret' } },
    azureAPIKey: { secretRef: { name: 'secret' } },
  }),
  policy.good('AWS file', {
    type: 'AWSCredentials',
    awsCredentials: { region: 'eu-west-1', credentialsFile: { secretRef: { name: 'secret' } } },
  }),
  policy.good('AWS role', {
    type: 'AWSCredentials',
    awsCredentials: { region: 'eu-west-1', oidcExchangeToken: { ...exchange, awsRoleArn: 'arn:aws:iam::1:role/a' } },
  }),
  policy.good('Azure secret', {
    type: 'AzureCredentials',
    azureCredentials: { clientID: 'a', tenantID: 'b', clientSecretRef: { name: 'secret' } },
  }),
  policy.bad('Azure without a secret', 'spec.azureCredentials', {
    type: 'AzureCredentials',
    azureCredentials: { clientID: 'a', tenantID: 'b' },
  }),
  policy.good('workload identity', {
    type: 'GCPCredentials',
    gcpCredentials: {
      projectName: 'a',
      region: 'b',
      workloadIdentityFederationConfig: {
        projectID: 'a',
        workloadIdentityPoolName: 'b',
        workloadIdentityProviderName: 'c',
        serviceAccountImpersonation: { serviceAccountName: 'd' },
        oidcExchangeToken: {
          oidc: { clientIDRef: { name: 'a' }, clientSecret: { name: 'b' }, provider: { issuer: 'i' } },
        },
      },
    },
  }),
  policy.bad('two tokens in one header', 'spec.azureCredentials.oidcExchangeToken.oidc', {
    type: 'AzureCredentials',
    azureCredentials: {
      clientID: 'a',
      tenantID: 'b',
      oidcExchangeToken: {
        oidc: {
          clientID: 'a',
          clientSecret: { name: 'b' },
          provider: { issuer: 'i' },
          forwardAccessToken: true,
          forwardIDToken: { header: 'AUTHORIZATION' },
        },
      },
    },
  }),

  config.good('every field', {
    extProc: {
      kubernetes: {
        env: [
          { name: 'A', value: 'b' },
          { name: 'B', valueFrom: { secretKeyRef: { key: 'a', name: 'b', optional: true } } },
          { name: 'C', valueFrom: { resourceFieldRef: { resource: 'limits.cpu', divisor: '1m' } } },
          { name: 'D', valueFrom: { fileKeyRef: { key: 'a', path: 'b', volumeName: 'c' } } },
          { name: 'E', valueFrom: { fieldRef: { fieldPath: 'metadata.name' } } },
        ],
        image: 'registry.example.com:5000/a/b:v1',
        resources: { limits: { cpu: '500m', memory: 1 }, requests: { cpu: 1 }, claims: [{ name: 'a' }] },
        securityContext: {
          runAsUser: 1000,
          capabilities: { drop: ['ALL'] },
          seccompProfile: { type: 'RuntimeDefault' },
        },
        volumeMounts: [{ name: 'a', mountPath: '/a' }],
      },
    },
    forwardProxy: { address: 'proxy.example.com:3128' },
    globalLLMRequestCosts: [{ metadataKey: 'a', type: 'InputToken' }],
  }),
  config.bad('two images', 'spec.extProc.kubernetes', {
    extProc: { kubernetes: { image: 'a:b', imageRepository: 'a' } },
  }),
  config.good('no spec', undefined),

  quota.good('every field', {
    targetRefs: target,
    serviceQuota: { costExpression: 'total_tokens', quota: { limit: 5, duration: '1h' } },
    perModelQuotas: [
      {
        modelName: 'a',
        quota: {
          costExpression: 'input_tokens',
          mode: 'Shared',
          defaultBucket: { limit: 5, duration: '1d' },
          bucketRules: [
            {
              clientSelectors: [
                {
                  headers: [{ name: 'x-a', type: 'Distinct' }],
                  methods: [{ value: 'GET' }],
                  path: { value: '/a' },
                  queryParams: [{ name: 'a' }],
                  sourceCIDR: { value: '10.0.0.0/8' },
                },
              ],
              quota: { limit: 5, duration: '1s' },
              shadowMode: true,
            },
          ],
        },
      },
    ],
  }),
  quota.bad('target of another kind', 'spec.targetRefs', { targetRefs: [{ group: '', kind: 'Service', name: 'a' }] }),
  ...mcpRoutes,
];
