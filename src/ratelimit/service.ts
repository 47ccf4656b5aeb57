/** The rate limit service: limiter and store behind gRPC. */
import type { LimitsConfig } from '../ir/index.ts';
import { GatewayError } from '../lib/errors.ts';
import { createHealth } from '../lib/http2/health.ts';
import { createGrpcServer } from '../lib/http2/server.ts';
import type { Method, UnaryCaller } from '../lib/http2/streams.ts';
import type { ServerTls } from '../lib/server-tls.ts';
import type { Logger } from '../telemetry/index.ts';
import type { Budgets } from './budgets.ts';
import { createLimiter, type LimiterOptions } from './limiter.ts';
import { createStatistics } from './statistics.ts';
import { decodeRequest, encodeResponse, type RateLimitRequest, type RateLimitResponse } from './wire.ts';

export interface RateLimitServiceOptions extends Omit<LimiterOptions, 'statistics'> {
  readonly logger: Logger;
  readonly tls?: ServerTls;
  /** Largest request. Default 1 MiB. */
  readonly maxMessageBytes?: number;
  /** Calls at once of one connection. Default 1,000. */
  readonly maxStreams?: number;
}

export interface RateLimitService {
  /** Errors: GatewayError `port_in_use`, `unavailable`. */
  listen(address: { host: string; port: number }): Promise<{ host: string; port: number }>;
  /** Errors: GatewayError `invalid_input`; then the old limits count on. */
  replaceConfig(config: LimitsConfig): void;
  replaceTls(tls: ServerTls): void;
  /** Decides without gRPC. Errors: GatewayError. */
  decide(request: RateLimitRequest): Promise<RateLimitResponse>;
  /** The `max` buckets with the least left. Errors: GatewayError of the store. */
  budgets(max: number): Promise<Budgets>;
  /** Prometheus text. */
  metrics(): string;
  readonly isServing: boolean;
  /** Says NOT_SERVING, lets open calls end within the time, then closes the store. */
  close(drainMs: number): Promise<void>;
}

const METHOD = '/envoy.service.ratelimit.v3.RateLimitService/ShouldRateLimit';

/** Creates a service that does not listen yet. Errors: GatewayError `invalid_input` for limits or TLS that cannot be used. */
export function createRateLimitService(options: RateLimitServiceOptions): RateLimitService {
  const { logger, store, tls, maxMessageBytes, maxStreams } = options;
  const statistics = createStatistics();
  const limiter = createLimiter({ ...options, statistics });
  const health = createHealth();

  function refuse(caught: unknown): never {
    if (caught instanceof GatewayError && caught.code === 'invalid_input') statistics.service.invalid += 1;
    throw caught;
  }

  function shouldRateLimit(message: Buffer, { onReset }: UnaryCaller): Buffer | Promise<Buffer> {
    try {
      const response = limiter.decide(decodeRequest(message), onReset);
      return response instanceof Promise ? response.then(encodeResponse) : encodeResponse(response);
    } catch (caught) {
      return refuse(caught);
    }
  }

  const server = createGrpcServer({
    methods: new Map<string, Method>([[METHOD, { kind: 'unary', answer: shouldRateLimit }], ...health.methods]),
    ...(tls && { tls }),
    ...(maxMessageBytes === undefined ? {} : { maxMessageBytes }),
    ...(maxStreams === undefined ? {} : { maxStreams }),
    onBug(caught) {
      logger.error({ error: caught instanceof Error ? caught.stack : String(caught) }, 'a rate limit request failed');
    },
  });

  return {
    listen: (address) => server.listen(address),
    replaceConfig: (config) => limiter.replaceConfig(config),
    replaceTls: (next) => server.replaceTls(next),
    decide: async (request) => limiter.decide(request),
    budgets: (max) => limiter.budgets(max),
    metrics: () => statistics.expose({ ratelimit_connections: server.connections, ...store.gauges() }),
    get isServing() {
      return health.isServing;
    },
    async close(drainMs) {
      health.set(false);
      health.close();
      await server.close(drainMs);
      await store.close();
    },
  };
}
