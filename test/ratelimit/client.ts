/** A client of the rate limit service over grpc-js. Codec: the schema's, not the service's own. */
import { connect as connectHttp2 } from 'node:http2';
import { type ChannelCredentials, credentials, makeGenericClientConstructor, type ServiceError } from '@grpc/grpc-js';
import { decodeMessage, encodeMessage } from '../../src/envoy/schema/index.ts';
import {
  createMemoryStore,
  createRateLimitService,
  type LimitDescriptor,
  type RateLimitService,
  type RateLimitServiceOptions,
} from '../../src/ratelimit/index.ts';
import { silentLogger } from '../../src/telemetry/index.ts';

const REQUEST = 'envoy.service.ratelimit.v3.RateLimitRequest';
const RESPONSE = 'envoy.service.ratelimit.v3.RateLimitResponse';
export const METHOD = '/envoy.service.ratelimit.v3.RateLimitService/ShouldRateLimit';

const Generic = makeGenericClientConstructor({}, 'ratelimit');
const pass = (bytes: Buffer): Buffer => bytes;

export interface Answer {
  overall_code?: string;
  statuses?: {
    code?: string;
    current_limit?: { requests_per_unit?: number; unit?: string; name?: string };
    limit_remaining?: number;
    duration_until_reset?: string;
  }[];
  response_headers_to_add?: { key: string; value: string }[];
  dynamic_metadata?: Record<string, unknown>;
}

export interface Client {
  /** One request in ProtoJSON. Rejects with the status of the call. */
  ask(request: object): Promise<Answer>;
  raw(path: string, message: Buffer): Promise<Buffer>;
  close(): void;
}

export function connect(port: number, tls?: ChannelCredentials): Client {
  const client = new Generic(`127.0.0.1:${port}`, tls ?? credentials.createInsecure(), {
    'grpc.use_local_subchannel_pool': 1,
    ...(tls ? { 'grpc.ssl_target_name_override': 'localhost' } : {}),
  });
  const raw = (path: string, message: Buffer): Promise<Buffer> =>
    new Promise((resolve, reject) => {
      client.makeUnaryRequest(path, pass, pass, message, { deadline: Date.now() + 10_000 }, (error, value) => {
        if (error) reject(error);
        else resolve(value ?? Buffer.alloc(0));
      });
    });
  return {
    raw,
    ask: async (request) =>
      decodeMessage(RESPONSE, await raw(METHOD, Buffer.from(encodeMessage(REQUEST, request)))) as Answer,
    close: () => client.close(),
  };
}

/** The status of a call that fails. */
export async function failureOf(call: Promise<unknown>): Promise<ServiceError> {
  return call.then(
    () => {
      throw new Error('the call was answered');
    },
    (error: ServiceError) => error,
  );
}

/** A descriptor of a request: `entries({ tenant: 'a' })`. */
export function entries(pairs: Record<string, string>, more: object = {}): object {
  return { entries: Object.entries(pairs).map(([key, value]) => ({ key, value })), ...more };
}

/** A service over memory with limits of the domain `d`, on a free port. */
export async function startService(
  descriptors: readonly LimitDescriptor[],
  options: Partial<RateLimitServiceOptions> = {},
): Promise<{ service: RateLimitService; port: number }> {
  const service = createRateLimitService({
    store: createMemoryStore(),
    config: { domains: [{ domain: 'd', descriptors }] },
    logger: silentLogger,
    ...options,
  });
  const { port } = await service.listen({ host: '127.0.0.1', port: 0 });
  return { service, port };
}

/** A plain HTTP/2 request, for what no gRPC client would send. Shape: the status and trailers. */
export function rawHttp2(
  port: number,
  headers: Record<string, string>,
  body: Buffer,
): Promise<Record<string, unknown>> {
  return new Promise((resolve, reject) => {
    const session = connectHttp2(`http://127.0.0.1:${port}`);
    session.on('error', reject);
    const stream = session.request({ ':method': 'POST', 'content-type': 'application/grpc', ...headers });
    const seen: Record<string, unknown> = {};
    stream.on('response', (head) => Object.assign(seen, head));
    stream.on('trailers', (trailers) => Object.assign(seen, trailers));
    stream.on('error', reject);
    stream.on('close', () => {
      session.close();
      resolve(seen);
    });
    stream.resume();
    stream.end(body);
  });
}
