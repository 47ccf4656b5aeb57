import { expect } from 'chai';
import {
  createMemoryStore,
  createRateLimitService,
  type LimitsConfig,
  type RateLimitService,
} from '../../src/ratelimit/index.ts';
import { silentLogger } from '../../src/telemetry/index.ts';
import { type EnvoyProcess, freePorts, request, startEnvoy, until } from '../support/index.ts';

const CONFIG: LimitsConfig = {
  domains: [
    {
      domain: 'd',
      descriptors: [{ key: 'tenant', rate_limit: { unit: 'year', requests_per_unit: 100, name: 'budget' } }],
    },
  ],
};
const RESERVE = 40;
const FORMATTER = 'envoy.reloadable_features.enable_formatter_for_ratelimit_action_descriptor_value';
const TYPES = 'type.googleapis.com/envoy.extensions';

const address = (port: number) => ({ socket_address: { address: '127.0.0.1', port_value: port } });

/** A budget of a tenant: reserved on arrival, settled at the end with what the header `x-used` says. */
function rateLimits(): object[] {
  const actions = [
    { request_headers: { header_name: 'x-tenant', descriptor_key: 'tenant' } },
    { generic_key: { descriptor_key: 'headgate_reserved_at', descriptor_value: '%START_TIME(%s.%3f)%' } },
  ];
  return [
    { actions, hits_addend: { number: RESERVE } },
    { actions, hits_addend: { number: RESERVE, is_negative_hits: true }, apply_on_stream_done: true },
    { actions, hits_addend: { format: '%REQ(x-used)%' }, apply_on_stream_done: true },
  ];
}

function listener(name: string, port: number, httpFilters: readonly object[], route: object): object {
  const manager = {
    '@type': `${TYPES}.filters.network.http_connection_manager.v3.HttpConnectionManager`,
    stat_prefix: name,
    http_filters: [
      ...httpFilters,
      { name: 'envoy.filters.http.router', typed_config: { '@type': `${TYPES}.filters.http.router.v3.Router` } },
    ],
    route_config: { virtual_hosts: [{ name: 'all', domains: ['*'], routes: [{ match: { prefix: '/' }, ...route }] }] },
  };
  const filters = [{ name: 'envoy.filters.network.http_connection_manager', typed_config: manager }];
  return { name, address: address(port), filter_chains: [{ filters }] };
}

function cluster(name: string, port: number, more: object = {}): object {
  const endpoints = [{ lb_endpoints: [{ endpoint: { address: address(port) } }] }];
  return {
    name,
    type: 'STATIC',
    connect_timeout: '1s',
    load_assignment: { cluster_name: name, endpoints },
    ...more,
  };
}

/** A listener with limits in front of another one that answers: a route without a cluster meets no limits. */
function bootstrap(port: number, answerPort: number, servicePort: number): Record<string, unknown> {
  const filter = {
    name: 'envoy.filters.http.ratelimit',
    typed_config: {
      '@type': `${TYPES}.filters.http.ratelimit.v3.RateLimit`,
      domain: 'd',
      failure_mode_deny: true,
      timeout: '2s',
      enable_x_ratelimit_headers: 'DRAFT_VERSION_03',
      rate_limit_service: { transport_api_version: 'V3', grpc_service: { envoy_grpc: { cluster_name: 'limits' } } },
    },
  };
  const limited = {
    route: { cluster: 'answer' },
    typed_per_filter_config: {
      'envoy.filters.http.ratelimit': {
        '@type': `${TYPES}.filters.http.ratelimit.v3.RateLimitPerRoute`,
        rate_limits: rateLimits(),
      },
    },
  };
  const http2 = {
    '@type': `${TYPES}.upstreams.http.v3.HttpProtocolOptions`,
    explicit_http_config: { http2_protocol_options: {} },
  };
  const protocol = {
    typed_extension_protocol_options: { 'envoy.extensions.upstreams.http.v3.HttpProtocolOptions': http2 },
  };
  return {
    node: { id: 'n', cluster: 'c' },
    // Without it `descriptor_value` is taken as it stands.
    layered_runtime: { layers: [{ name: 'static', static_layer: { [FORMATTER]: true } }] },
    static_resources: {
      listeners: [
        listener('limited', port, [filter], limited),
        listener('answer', answerPort, [], { direct_response: { status: 200, body: { inline_string: 'fine' } } }),
      ],
      clusters: [cluster('limits', servicePort, protocol), cluster('answer', answerPort)],
    },
  };
}

describe('ratelimit: the service under a real Envoy', function () {
  this.timeout(60_000);
  let service: RateLimitService;
  let envoy: EnvoyProcess;
  let port = 0;

  before(async () => {
    service = createRateLimitService({ store: createMemoryStore(), config: CONFIG, logger: silentLogger });
    const bound = await service.listen({ host: '127.0.0.1', port: 0 });
    const [own = 0, answerPort = 0] = await freePorts(2);
    port = own;
    envoy = await startEnvoy({ bootstrap: bootstrap(port, answerPort, bound.port), concurrency: 2 });
  });

  after(async () => {
    await envoy?.stop();
    await service?.close(100);
  });

  const send = (tenant: string, used: number) =>
    request({ port, path: '/', headers: { 'x-tenant': tenant, 'x-used': String(used) } });

  async function left(tenant: string): Promise<number | undefined> {
    const entries = [{ key: 'tenant', value: tenant }];
    const descriptor = { entries, limit: undefined, hitsAddend: 0, isNegativeHits: false };
    return (await service.decide({ domain: 'd', descriptors: [descriptor], hitsAddend: 0 })).statuses[0]?.remaining;
  }

  it('reserves on arrival and settles at the end of the stream', async () => {
    const first = await send('a', 7);
    expect(first.status).to.equal(200);
    expect(first.headers['x-ratelimit-remaining'], 'after the reservation').to.equal('60');
    expect(String(first.headers['x-ratelimit-limit'])).to.match(/^100, 100;w=31536000;name="budget"$/);
    await until(async () => (await left('a')) === 93, { what: 'the settling' });
    await send('a', 60);
    await until(async () => (await left('a')) === 33, { what: 'more than the reservation' });
    const third = await send('a', 0);
    expect(third.status, 'the reservation does not fit').to.equal(429);
    await until(async () => (await left('a')) === 33, { what: 'its return' });
  });

  it('charges the sum of many requests, exactly', async () => {
    service.replaceConfig({
      domains: [
        { domain: 'd', descriptors: [{ key: 'tenant', rate_limit: { unit: 'year', requests_per_unit: 1_000_000 } }] },
      ],
    });
    const used = Array.from({ length: 300 }, (_, i) => i);
    const answers = await Promise.all(used.map((one) => send('many', one)));
    expect(answers.map(({ status }) => status)).to.deep.equal(used.map(() => 200));
    const sum = used.reduce((a, b) => a + b);
    await until(async () => (await left('many')) === 1_000_000 - sum, { what: `a charge of ${sum}` });
    expect(await envoy.stat('cluster.limits.upstream_cx_protocol_error')).to.equal(0);
    expect(await envoy.stat('cluster.limits.ratelimit.error')).to.equal(0);
  });
});
