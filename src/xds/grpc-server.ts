/** The gRPC server: its ports, and the services on them. */
import type { GatewayError } from '../lib/errors.ts';
import { createHealth } from '../lib/http2/health.ts';
import { createGrpcServer as createPort, type GrpcServer as Port } from '../lib/http2/server.ts';
import type { Caller, Method } from '../lib/http2/streams.ts';
import { answersOneByOne, type Call, type CallHandler, conversation } from './grpc.ts';
import { DEFAULTS, type XdsServerOptions } from './server-options.ts';
import { STATUS_METHODS, XDS_METHODS, type XdsMethod } from './services.ts';

/** What becomes of calls. */
export interface GrpcHandlers {
  accept(call: Call, method: XdsMethod): CallHandler;
  /** Answers a request of the status service. */
  answerStatus(request: Buffer, caller: Caller): Buffer;
  explain(caught: unknown): GatewayError;
}

export interface GrpcServer {
  /** Returns the port. Errors: GatewayError `port_in_use`, `unavailable`, `invalid_input` for TLS that cannot be used. */
  listen(address: { host: string; port: number }, how: { readonly plaintext: boolean }): Promise<number>;
  /** What the health service says; no at first. */
  setServing(isServing: boolean): void;
  /** Waits for open connections until the time is over, then cuts them off. */
  shutDown(waitMs: number): Promise<void>;
}

const WINDOW_BYTES = 1024 * 1024;

// A fleet that comes back comes at once.
const BACKLOG = 4096;

// Proxies that come and go give up a call each; who gives up more does it on purpose.
const MAX_RESETS = 10_000;

// Who is one too many has to be told.
const SPARE_CONNECTIONS = 10_000;

/** Creates a server that does not listen yet. */
export function createGrpcServer(options: XdsServerOptions, handlers: GrpcHandlers): GrpcServer {
  const { tls, keepalive = DEFAULTS.keepalive, connectionAge = DEFAULTS.connectionAge } = options;
  const limits = { ...DEFAULTS, ...options.limits };
  const health = createHealth(false);
  const methods = methodsOf(handlers);
  for (const [path, method] of health.methods) methods.set(path, method);
  const ports = new Set<Port>();
  const stops: (() => void)[] = [];

  function open(secure: boolean): Port {
    const port = createPort({
      methods,
      maxMessageBytes: limits.maxReceiveBytes,
      windowBytes: WINDOW_BYTES,
      maxStreams: limits.maxStreamsPerConnection,
      maxConnections: limits.maxStreams + SPARE_CONNECTIONS,
      maxResets: MAX_RESETS,
      backlog: BACKLOG,
      keepalive,
      connectionAge,
      onBug: handlers.explain,
      ...(secure && tls && { tls: tls.current }),
    });
    if (secure && tls) stops.push(tls.onChange((material) => port.replaceTls(material)));
    return port;
  }

  return {
    async listen(address, { plaintext }) {
      const port = open(!plaintext);
      const bound = await port.listen(address);
      ports.add(port);
      return bound.port;
    },
    setServing: (isServing) => health.set(isServing),
    async shutDown(waitMs) {
      for (const stop of stops.splice(0)) stop();
      health.close();
      await Promise.all([...ports].map((port) => port.close(waitMs)));
      ports.clear();
    },
  };
}

function methodsOf({ accept, answerStatus, explain }: GrpcHandlers): Map<string, Method> {
  const methods = new Map<string, Method>();
  for (const method of XDS_METHODS)
    methods.set(
      method.path,
      conversation((call) => accept(call, method)),
    );
  const answer = (request: Buffer, caller: Caller): Buffer => {
    try {
      return answerStatus(request, caller);
    } catch (caught) {
      throw explain(caught);
    }
  };
  methods.set(STATUS_METHODS.stream, answersOneByOne(answer));
  methods.set(STATUS_METHODS.fetch, { kind: 'unary', answer });
  return methods;
}
