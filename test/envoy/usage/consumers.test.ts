import { Server, ServerCredentials, type ServerUnaryCall, type sendUnaryData } from '@grpc/grpc-js';
import { expect } from 'chai';
import { emitBootstrap } from '../../../src/envoy/bootstrap.ts';
import {
  capabilitiesOf,
  compileGateway,
  DEFAULT_COMPILE_OPTIONS,
  type EnvoyResource,
  NEWEST_ENVOY,
} from '../../../src/envoy/index.ts';
import { TYPES } from '../../../src/envoy/names.ts';
import { decodeMessage, encodeMessage, typedAny, typeUrl } from '../../../src/envoy/schema/index.ts';
import { DEFAULT_POLICY_OPTIONS, translate } from '../../../src/policy/index.ts';
import { readSources } from '../../../src/sources/index.ts';
import { silentLogger } from '../../../src/telemetry/index.ts';
import { createSnapshot, createXdsServer } from '../../../src/xds/index.ts';
import { type Fake, OPENAI_KEY, startOpenAi } from '../../fakes/index.ts';
import { type EnvoyProcess, freePort, request, startEnvoy, until } from '../../support/index.ts';
import { gatewayYaml } from '../support/objects.ts';
import { COSTS } from './rig.ts';

type Json = Readonly<Record<string, unknown>>;

interface Hit {
  readonly descriptor: string;
  readonly addend: number;
}

const REQUEST = 'envoy.service.ratelimit.v3.RateLimitRequest';
const RESPONSE = 'envoy.service.ratelimit.v3.RateLimitResponse';

/** A rate limit service that says yes and notes what it is asked. */
async function startRateLimitService(): Promise<{ port: number; hits: Hit[]; stop: () => void }> {
  const hits: Hit[] = [];
  const server = new Server();
  const method = {
    path: '/envoy.service.ratelimit.v3.RateLimitService/ShouldRateLimit',
    requestStream: false,
    responseStream: false,
    requestSerialize: (value: Buffer) => value,
    requestDeserialize: (bytes: Buffer) => bytes,
    responseSerialize: (value: Buffer) => value,
    responseDeserialize: (bytes: Buffer) => bytes,
  };
  server.addService(
    { ShouldRateLimit: method },
    {
      ShouldRateLimit: (call: ServerUnaryCall<Buffer, Buffer>, answer: sendUnaryData<Buffer>) => {
        const asked = decodeMessage(REQUEST, call.request) as {
          descriptors?: { entries?: { key?: string; value?: string }[]; hits_addend?: number | string }[];
        };
        for (const { entries = [], hits_addend } of asked.descriptors ?? []) {
          hits.push({ descriptor: entries.map(({ value }) => value).join('/'), addend: Number(hits_addend ?? -1) });
        }
        answer(null, Buffer.from(encodeMessage(RESPONSE, { overall_code: 'OK' })));
      },
    },
  );
  const port = await new Promise<number>((resolve, reject) =>
    server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) =>
      error ? reject(error) : resolve(bound),
    ),
  );
  return { port, hits, stop: () => server.forceShutdown() };
}

/** What a limit says when the stream ends: its addend is read from metadata that the data path script wrote. */
function limit(name: string, format: string): Json {
  return {
    actions: [{ generic_key: { descriptor_value: name } }],
    hits_addend: { format },
    apply_on_stream_done: true,
  };
}

const NS = 'io.envoy.ai_gateway';
const LIMITS = typedAny('envoy.extensions.filters.http.ratelimit.v3.RateLimitPerRoute', {
  rate_limits: [
    limit('count', `%DYNAMIC_METADATA(${NS}:my_TotalToken)%`),
    limit('price', `%DYNAMIC_METADATA(${NS}:price)%`),
    limit('sum', `%CEL(uint(metadata.filter_metadata['${NS}'].price + metadata.filter_metadata['${NS}'].shared))%`),
  ],
});

/** Adds two consumers to what is compiled: a rate limit filter behind the script, and an access log of the user's. */
function withConsumers(resource: EnvoyResource): EnvoyResource {
  const message = JSON.parse(JSON.stringify(resource.message), (_key, value: unknown) => {
    if (typeof value !== 'object' || value === null) return value;
    const object = value as Record<string, unknown>;
    if (object['@type'] === 'type.googleapis.com/envoy.config.route.v3.Route' && object.route !== undefined) {
      return { ...object, typed_per_filter_config: { 'envoy.filters.http.ratelimit': LIMITS } };
    }
    if (!Array.isArray(object.http_filters) || !Array.isArray(object.access_log)) return value;
    const filters = [...object.http_filters];
    filters.splice(-1, 0, rateLimitFilter());
    return { ...object, http_filters: filters, access_log: [...object.access_log, userLog()] };
  }) as object;
  return { ...resource, message };
}

function rateLimitFilter(): Json {
  return {
    name: 'envoy.filters.http.ratelimit',
    typed_config: typedAny('envoy.extensions.filters.http.ratelimit.v3.RateLimit', {
      domain: 'test',
      rate_limit_service: {
        grpc_service: { envoy_grpc: { cluster_name: 'limits' } },
        transport_api_version: 'V3',
      },
    }),
  };
}

function userLog(): Json {
  return {
    name: 'envoy.access_loggers.stdout',
    typed_config: typedAny('envoy.extensions.access_loggers.stream.v3.StdoutAccessLog', {
      log_format: {
        json_format: {
          mine: true,
          price: `%DYNAMIC_METADATA(${NS}:price)%`,
          backend: `%DYNAMIC_METADATA(${NS}:ai_service_backend_name)%`,
          answered_by: `%DYNAMIC_METADATA(${NS}:response_model)%`,
          ttft: `%DYNAMIC_METADATA(${NS}:token_latency_ttft)%`,
        },
      },
    }),
  };
}

function limitsCluster(port: number): EnvoyResource {
  const message = {
    name: 'limits',
    type: 'STATIC',
    load_assignment: {
      cluster_name: 'limits',
      endpoints: [
        { lb_endpoints: [{ endpoint: { address: { socket_address: { address: '127.0.0.1', port_value: port } } } }] },
      ],
    },
    typed_extension_protocol_options: {
      'envoy.extensions.upstreams.http.v3.HttpProtocolOptions': typedAny(
        'envoy.extensions.upstreams.http.v3.HttpProtocolOptions',
        { explicit_http_config: { http2_protocol_options: {} } },
      ),
    },
  };
  return { type: 'cluster', name: 'limits', message, requires: [] };
}

describe('consumers of costs', () => {
  let openai: Fake;
  let limits: Awaited<ReturnType<typeof startRateLimitService>>;
  let xds: ReturnType<typeof createXdsServer>;
  let envoy: EnvoyProcess;
  let port: number;

  before(async () => {
    openai = await startOpenAi({ settings: { usage: { input: 100, output: 20, cached: 0, reasoning: 0 } } });
    limits = await startRateLimitService();
    port = await freePort();
    const yaml = gatewayYaml({
      port,
      backends: { openai: { port: openai.port, key: OPENAI_KEY } },
      models: { gpt: { refs: ['openai'], route: { llmRequestCosts: COSTS } } },
    });
    const read = await readSources(['-'], { env: {}, stdin: async () => yaml });
    if (!read.ok) throw new Error('the objects are refused');
    const { ir, secrets } = translate(read.set, DEFAULT_POLICY_OPTIONS);
    const [gateway] = ir.gateways;
    if (gateway === undefined) throw new Error('no gateway');
    const compiled = compileGateway(gateway, secrets, capabilitiesOf(NEWEST_ENVOY), DEFAULT_COMPILE_OPTIONS);
    const resources = [...compiled.resources.map(withConsumers), limitsCluster(limits.port)];
    xds = createXdsServer({ resolve: () => 'gw', logger: silentLogger });
    xds.setSnapshot(
      'gw',
      createSnapshot(
        resources.map(({ type, name, message, requires }) => ({
          typeUrl: typeUrl(TYPES[type]),
          name,
          value: encodeMessage(TYPES[type], message),
          requires: requires.map((required) => ({ typeUrl: typeUrl(TYPES[required.type]), name: required.name })),
        })),
      ),
    );
    const address = await xds.listen({ host: '127.0.0.1', port: 0 });
    const bootstrap = emitBootstrap({ gateway: 'default/gw', nodeId: 'test', xds: address, delta: true });
    envoy = await startEnvoy({ bootstrap: { ...bootstrap } });
    expect(await envoy.rejectedUpdates()).to.deep.equal({});
  });
  after(async () => {
    await envoy?.stop();
    await xds?.close();
    limits?.stop();
    await openai?.close();
  });

  const PRICE = 100 + 4 * 20;
  const EXPECTED: readonly Hit[] = [
    { descriptor: 'count', addend: 120 },
    { descriptor: 'price', addend: PRICE },
    { descriptor: 'sum', addend: PRICE + 1000 },
  ];

  for (const stream of [false, true]) {
    it(`read counts, CEL results and sums of both when ${stream ? 'a stream' : 'an answer'} ends`, async () => {
      limits.hits.length = 0;
      const messages = [{ role: 'user', content: 'hi' }];
      const body = { model: 'gpt', messages, stream };
      const { status, text } = await request({ port, path: '/v1/chat/completions', body });
      expect(status, text).to.equal(200);
      await until(() => limits.hits.length >= 3, { what: 'the hits' });
      expect([...limits.hits].sort((a, b) => (a.descriptor < b.descriptor ? -1 : 1))).to.deep.equal(EXPECTED);
      const line = await until(() => envoy.accessLog().filter((one) => one.mine === true)[stream ? 1 : 0], {
        what: "the user's access log",
      });
      expect(line).to.include({ price: PRICE, backend: 'default/openai', answered_by: 'gpt' });
      expect(typeof line.ttft).to.equal(stream ? 'number' : 'object');
    });
  }
});
