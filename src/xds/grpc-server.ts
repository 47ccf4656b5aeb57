/** The gRPC server: listens, hands calls over, and ends in an orderly way. */
import { setTimeout as sleep } from 'node:timers/promises';
import { Server, ServerCredentials } from '@grpc/grpc-js';
import type { GatewayError } from '../lib/errors.ts';
import { type Call, listenError, serviceDefinition, silenceGrpcLog, statusHandlers } from './grpc.ts';
import { DEFAULTS, type XdsServerOptions } from './server-options.ts';
import { XDS_METHODS, type XdsMethod } from './services.ts';
import { tlsCredentials } from './tls.ts';

/** What becomes of calls. */
export interface GrpcHandlers {
  accept(call: Call, method: XdsMethod): void;
  /** Answers a request of the status service. */
  answerStatus(request: Buffer, call: Pick<Call, 'getAuthContext'>): Buffer;
  explain(caught: unknown): GatewayError;
}

export interface GrpcServer {
  /** Returns the port. Errors: GatewayError `port_in_use`, `unavailable`. */
  listen(address: { host: string; port: number }, how: { readonly plaintext: boolean }): Promise<number>;
  /** Waits for open connections until the time is over, then cuts them off. */
  shutDown(waitMs: number): Promise<void>;
}

/** Creates a server that does not listen yet. */
export function createGrpcServer(options: XdsServerOptions, handlers: GrpcHandlers): GrpcServer {
  silenceGrpcLog();
  const limits = { ...DEFAULTS, ...options.limits };
  const keepalive = options.keepalive ?? DEFAULTS.keepalive;
  const age = options.connectionAge ?? DEFAULTS.connectionAge;
  const bound: string[] = [];
  const server = new Server({
    'grpc.max_receive_message_length': limits.maxReceiveBytes,
    'grpc.max_send_message_length': -1,
    'grpc.keepalive_time_ms': keepalive.intervalMs,
    'grpc.keepalive_timeout_ms': keepalive.timeoutMs,
    'grpc.max_connection_age_ms': age.maxMs,
    'grpc.max_connection_age_grace_ms': age.graceMs,
    'grpc.max_concurrent_streams': limits.maxStreamsPerConnection,
    'grpc.enable_channelz': 0,
  });
  server.addService(serviceDefinition(), {
    ...Object.fromEntries(XDS_METHODS.map((method) => [method.path, (call: Call) => handlers.accept(call, method)])),
    ...statusHandlers(handlers.answerStatus, handlers.explain),
  });

  return {
    async listen({ host, port }, { plaintext }) {
      const bracketed = host.includes(':') ? `[${host}]` : host;
      const target = `${bracketed}:${port}`;
      const { tls } = options;
      const credentials = tls && !plaintext ? tlsCredentials(tls) : ServerCredentials.createInsecure();
      const chosenPort = await new Promise<number>((resolve, reject) => {
        server.bindAsync(target, credentials, (error, chosen) => {
          if (error === null) resolve(chosen);
          else reject(listenError(target, error));
        });
      });
      bound.push(`${bracketed}:${chosenPort}`);
      return chosenPort;
    },
    async shutDown(waitMs) {
      // `drain` comes first: `tryShutdown` forgets the connections, and `forceShutdown` overlooks them without channelz.
      for (const target of bound) server.drain(target, waitMs);
      const timer = new AbortController();
      const closed = new Promise<void>((resolve) => server.tryShutdown(() => resolve()));
      await Promise.race([closed, delay(waitMs + 1000, timer.signal)]);
      timer.abort();
      server.forceShutdown();
    },
  };
}

/** Resolves when the time is over or nobody waits any more. */
export function delay(ms: number, signal?: AbortSignal): Promise<void> {
  return sleep(ms, undefined, signal === undefined ? {} : { signal }).catch((caught: unknown) => {
    if (signal?.aborted !== true) throw caught;
  });
}
