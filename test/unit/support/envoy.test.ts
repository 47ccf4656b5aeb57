import { expect } from 'chai';
import { type Fake, OPENAI_KEY, startOpenAi, testCa } from '../../fakes/index.ts';
import {
  bootstrapFor,
  type EnvoyProcess,
  freePort,
  inlineStatic,
  loadTest,
  request,
  startEnvoy,
  until,
  validateWithEnvoy,
} from '../../support/index.ts';

const type = (name: string): string => `type.googleapis.com/envoy.extensions.${name}`;
const address = (port: number): object => ({ socket_address: { address: '127.0.0.1', port_value: port } });

function listener(port: number, routes: object): Record<string, unknown> {
  const manager = {
    '@type': type('filters.network.http_connection_manager.v3.HttpConnectionManager'),
    stat_prefix: 'test',
    ...routes,
    access_log: [
      {
        name: 'stdout',
        typed_config: {
          '@type': type('access_loggers.stream.v3.StdoutAccessLog'),
          log_format: { json_format: { code: '%RESPONSE_CODE%', cluster: '%UPSTREAM_CLUSTER%' } },
        },
      },
    ],
    http_filters: [{ name: 'router', typed_config: { '@type': type('filters.http.router.v3.Router') } }],
  };
  const name = 'envoy.filters.network.http_connection_manager';
  return { name: 'main', address: address(port), filter_chains: [{ filters: [{ name, typed_config: manager }] }] };
}

function routes(cluster: string): Record<string, unknown> {
  const route = { match: { prefix: '/' }, route: { cluster, timeout: '10s' } };
  return { name: 'main', virtual_hosts: [{ name: 'all', domains: ['*'], routes: [route] }] };
}

const endpoints = (port: number): Record<string, unknown> => ({
  cluster_name: 'fake',
  endpoints: [{ lb_endpoints: [{ endpoint: { address: address(port) } }] }],
});

const HELLO = { model: 'm', messages: [{ role: 'user', content: 'hi' }] };

describe('Envoy harness', () => {
  let fake: Fake;
  let envoy: EnvoyProcess;
  let port: number;

  before(async () => {
    fake = await startOpenAi({ name: 'a' });
    const ads = { resource_api_version: 'V3', ads: {} };
    const bootstrap = inlineStatic({
      listeners: [listener(0, { rds: { route_config_name: 'main', config_source: ads } })],
      routes: [routes('fake')],
      clusters: [{ name: 'fake', type: 'EDS', eds_cluster_config: { eds_config: ads }, connect_timeout: '1s' }],
      endpoints: [endpoints(fake.port)],
    });
    envoy = await startEnvoy({ bootstrap });
    port = await envoy.listenerPort('main');
  });
  after(async () => {
    await envoy?.stop();
    await fake?.close();
  });
  beforeEach(() => fake.reset());

  const call = (more: object = {}) => ({
    port,
    path: '/v1/chat/completions',
    headers: { authorization: `Bearer ${OPENAI_KEY}` },
    body: { ...HELLO, ...more },
  });

  it('proxies unary and streamed answers to a fake', async () => {
    expect((await request(call())).json).to.have.property('object', 'chat.completion');
    const stream = await request(call({ stream: true }));
    expect(stream.sse().at(-1)?.data).to.equal('[DONE]');
    expect(stream.headers).to.have.property('x-envoy-upstream-service-time');
    expect(fake.last.headers).to.have.property('x-request-id');
  });

  it('shows statistics, configuration, hosts and access log', async () => {
    await request(call());
    expect(await envoy.stat('http.test.downstream_rq_2xx')).to.be.greaterThan(0);
    expect(await envoy.rejectedUpdates()).to.deep.equal({});
    expect(JSON.stringify(await envoy.configDump())).to.include('ListenersConfigDump');
    expect((await envoy.clusters()).map((cluster) => cluster.name)).to.include('fake');
    await until(() => envoy.accessLog().some((line) => line.cluster === 'fake' && line.code === 200), {
      what: 'an access log line',
    });
  });

  it('carries 64 concurrent requests and counts what came back', async () => {
    fake.fault = (_request, n) => (n % 10 === 0 ? { status: 503 } : undefined);
    const result = await loadTest({ concurrency: 64, total: 500, makeRequest: () => call() });
    expect(result.byStatus).to.deep.equal({ 200: 450, 503: 50 });
    expect(result.byBackend).to.deep.equal({ a: 500 });
    expect(result.errors).to.deep.equal({});
  });

  it('says what is wrong with a configuration', async () => {
    const bad = { static_resources: { clusters: [{ name: 'x', type: 'STATIC', connect_timeout: 'soon' }] } };
    const verdict = await validateWithEnvoy(bad);
    expect(verdict.ok).to.equal(false);
    expect(verdict.output).to.include('connect_timeout');
    const error = await startEnvoy({ bootstrap: bad }).then(
      () => undefined,
      (caught: Error) => caught,
    );
    expect(error?.message).to.include('connect_timeout');
  });

  it('validates inlined resources, and refuses dangling and unused ones', async () => {
    const { cert, key } = await (await testCa()).issue('gateway.test');
    const ads = { resource_api_version: 'V3', ads: {} };
    const secure = listener(0, { rds: { route_config_name: 'main', config_source: ads } });
    const common = { tls_certificate_sds_secret_configs: [{ name: 'gateway', sds_config: ads }] };
    const tls = { '@type': type('transport_sockets.tls.v3.DownstreamTlsContext'), common_tls_context: common };
    const chain = (secure.filter_chains as object[])[0];
    const listeners = [
      { ...secure, filter_chains: [{ ...chain, transport_socket: { name: 'tls', typed_config: tls } }] },
    ];
    const secret = {
      name: 'gateway',
      tls_certificate: { certificate_chain: { inline_string: cert }, private_key: { inline_string: key } },
    };
    const clusters = [{ name: 'fake', type: 'EDS', eds_cluster_config: { eds_config: ads } }];
    const whole = { listeners, clusters, routes: [routes('fake')], endpoints: [endpoints(80)], secrets: [secret] };
    const verdict = await validateWithEnvoy(inlineStatic(whole));
    expect(verdict.output, verdict.output).to.include('OK');
    expect(verdict.ok).to.equal(true);
    // Only inlining lets Envoy see this one: over RDS the unknown cluster passes.
    const dangling = await validateWithEnvoy(inlineStatic({ ...whole, routes: [routes('nowhere')] }));
    expect([dangling.ok, dangling.output]).to.satisfy(
      ([ok, output]: [boolean, string]) => !ok && output.includes('nowhere'),
    );
    expect(() => inlineStatic({ ...whole, routes: [] })).to.throw('no route configuration main');
    expect(() => inlineStatic({ ...whole, secrets: [] })).to.throw('no secret gateway');
    expect(() => inlineStatic({ ...whole, endpoints: [] })).to.throw('no endpoint assignment fake');
    expect(() => inlineStatic({ ...whole, clusters: [] })).to.throw('nothing refers to endpoint assignment fake');
  });

  it('reaches a fake over TLS and HTTP/2 with an injected credential', async () => {
    const secure = await startOpenAi({ name: 'secure', tls: { names: ['api.test'] } });
    const ads = { resource_api_version: 'V3', ads: {} };
    const injector = {
      '@type': type('filters.http.credential_injector.v3.CredentialInjector'),
      overwrite: true,
      credential: {
        name: 'generic',
        typed_config: {
          '@type': type('http.injected_credentials.generic.v3.Generic'),
          credential: { name: 'key', sds_config: ads },
        },
      },
    };
    const codec = { '@type': type('filters.http.upstream_codec.v3.UpstreamCodec') };
    const protocol = {
      '@type': type('upstreams.http.v3.HttpProtocolOptions'),
      auto_config: {},
      http_filters: [
        { name: 'injector', typed_config: injector },
        { name: 'codec', typed_config: codec },
      ],
    };
    const tls = {
      '@type': type('transport_sockets.tls.v3.UpstreamTlsContext'),
      sni: 'api.test',
      common_tls_context: {
        validation_context: {
          trusted_ca: { inline_string: (await testCa()).cert },
          match_typed_subject_alt_names: [{ san_type: 'DNS', matcher: { exact: 'api.test' } }],
        },
      },
    };
    const cluster = {
      ...{ name: 'fake', type: 'EDS', eds_cluster_config: { eds_config: ads }, connect_timeout: '2s' },
      transport_socket: { name: 'tls', typed_config: tls },
      typed_extension_protocol_options: { 'envoy.extensions.upstreams.http.v3.HttpProtocolOptions': protocol },
    };
    const bootstrap = inlineStatic({
      listeners: [listener(0, { rds: { route_config_name: 'main', config_source: ads } })],
      routes: [routes('fake')],
      clusters: [cluster],
      endpoints: [endpoints(secure.port)],
      secrets: [{ name: 'key', generic_secret: { secret: { inline_string: `Bearer ${OPENAI_KEY}` } } }],
    });
    const proxy = await startEnvoy({ bootstrap });
    try {
      const at = await proxy.listenerPort('main');
      const response = await request({ ...call(), port: at, headers: { authorization: 'Bearer of-the-client' } });
      expect(response.status).to.equal(200);
      expect(secure.last).to.include({ httpVersion: '2.0', serverName: 'api.test' });
      expect(secure.foreignCredentials).to.deep.equal([]);
    } finally {
      await proxy.stop();
      await secure.close();
    }
  });

  it('starts with a bootstrap for a control plane that is not there, and stops', async () => {
    const lonely = await startEnvoy({
      bootstrap: bootstrapFor({ xdsPort: await freePort(), cluster: 'default/gw' }),
      waitFor: 'admin',
    });
    expect((await lonely.admin('/ready')).text).to.include('PRE_INITIALIZING');
    expect(await lonely.stop()).to.equal(0);
    expect(lonely.hasExited).to.equal(true);
  });
});
