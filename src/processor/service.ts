import { chmod, rm } from 'node:fs/promises';
import { createConnection } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { GatewayError } from '../lib/errors.ts';
import { createHealth } from '../lib/http2/health.ts';
import { createGrpcServer } from '../lib/http2/server.ts';
import type { Method } from '../lib/http2/streams.ts';
import type { ListenAddress } from '../lib/listen.ts';
import type { ServerTls } from '../lib/server-tls.ts';
import type { Attempt, Translation } from '../providers/translation.ts';
import type { Logger } from '../telemetry/index.ts';
import { openExchange } from './exchange.ts';
import { createStatistics, exposeStatistics } from './statistics.ts';
import { warmUp } from './warm-up.ts';

export interface ProcessorOptions {
  readonly createTranslation: (attempt: Attempt) => Translation;
  readonly logger: Logger;
  readonly tls?: ServerTls;
  /** Largest body. Default 64 MiB. */
  readonly maxBodyBytes?: number;
  /** Attempts at once, streams among them. Default 4,096. */
  readonly maxExchanges?: number;
}

/** Shape: gRPC; `path` is that of a Unix socket. */
export interface Processor {
  /** Errors: GatewayError `port_in_use`, `unavailable`. */
  listen<A extends ListenAddress>(address: A): Promise<A>;
  replaceTls(tls: ServerTls): void;
  /** Has itself compiled before the first request comes, in the background: about a second of CPU. */
  warmUp(): void;
  /** Prometheus text. */
  metrics(): string;
  readonly isServing: boolean;
  /** Says NOT_SERVING, still takes requests for `graceMs`, and lets attempts end within the time. */
  close(drainMs: number, graceMs?: number): Promise<void>;
}

const METHOD = '/envoy.service.ext_proc.v3.ExternalProcessor/Process';
/** Messages may be so much larger than the largest body: a body that is too large is answered in the client's words. */
const MESSAGE_ROOM = 4;

/** Creates a processor that does not listen yet. Errors: GatewayError `invalid_input` for TLS that cannot be used. */
export function createProcessor(options: ProcessorOptions): Processor {
  const { logger, tls, createTranslation, maxBodyBytes = 64 * 1024 * 1024, maxExchanges = 4096 } = options;
  const statistics = createStatistics();
  const health = createHealth();
  let socket: string | undefined;
  let stopWarmUp: (() => void) | undefined;
  const onBug = (caught: unknown): void =>
    logger.error(
      { error: caught instanceof Error ? caught.stack : String(caught) },
      'this is a bug: a translation failed',
    );
  const exchange = { createTranslation, maxExchanges, maxBodyBytes, statistics, onBug };
  const process: Method = { kind: 'duplex', open: (answers) => openExchange(answers, exchange) };
  const server = createGrpcServer({
    methods: new Map<string, Method>([[METHOD, process], ...health.methods]),
    ...(tls && { tls }),
    maxMessageBytes: maxBodyBytes * MESSAGE_ROOM,
    // Above the limit of exchanges: an answer that says so is clearer than a refused stream.
    maxStreams: maxExchanges + 1024,
    onBug,
  });
  return {
    async listen(address) {
      if ('path' in address) {
        await removeDeadSocket(address.path);
        socket = address.path;
      }
      const bound = await server.listen(address);
      // Only who runs the gateway may have prompts translated.
      if (socket !== undefined) await chmod(socket, 0o600);
      return bound;
    },
    replaceTls: (next) => server.replaceTls(next),
    warmUp() {
      // What nobody asked for is not counted.
      const own = { ...exchange, statistics: createStatistics() };
      const method: Method = { kind: 'duplex', open: (answers) => openExchange(answers, own) };
      stopWarmUp ??= warmUp({ path: METHOD, method, isIdle: () => statistics.requests === 0, onBug });
    },
    metrics: () => exposeStatistics(statistics),
    get isServing() {
      return health.isServing;
    },
    async close(drainMs, graceMs = 0) {
      health.set(false);
      stopWarmUp?.();
      if (graceMs > 0 && server.connections > 0) await sleep(graceMs);
      health.close();
      await server.close(drainMs);
    },
  };
}

/** A socket that nobody listens on is what a killed process left. Errors: GatewayError `port_in_use`. */
async function removeDeadSocket(path: string): Promise<void> {
  const code = await new Promise<string | undefined>((resolve) => {
    const probe = createConnection({ path });
    probe.once('connect', () => {
      probe.destroy();
      resolve(undefined);
    });
    probe.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? 'unknown'));
  });
  if (code === undefined) throw new GatewayError('port_in_use', `the address ${path} is in use`);
  if (code === 'ECONNREFUSED') await rm(path, { force: true });
}
