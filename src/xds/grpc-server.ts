/** The gRPC server: its ports, their connections, how long these live, and their orderly end. */
import {
  createSecureServer,
  createServer,
  type Http2Server,
  type IncomingHttpHeaders,
  type ServerHttp2Session,
  type ServerHttp2Stream,
  type ServerOptions,
} from 'node:http2';
import type { AddressInfo, Socket } from 'node:net';
import { GatewayError } from '../lib/errors.ts';
import { type Call, type CallHandler, refuseCall, serveAnswers, serveCall } from './grpc.ts';
import { DEFAULTS, type XdsServerOptions } from './server-options.ts';
import { STATUS_METHODS, XDS_METHODS, type XdsMethod } from './services.ts';
import { secureOptions } from './tls.ts';

/** What becomes of calls. */
export interface GrpcHandlers {
  accept(call: Call, method: XdsMethod): CallHandler;
  /** Answers a request of the status service. */
  answerStatus(request: Buffer, call: Pick<Call, 'socket'>): Buffer;
  explain(caught: unknown): GatewayError;
}

export interface GrpcServer {
  /** Returns the port. Errors: GatewayError `port_in_use`, `unavailable`. */
  listen(address: { host: string; port: number }, how: { readonly plaintext: boolean }): Promise<number>;
  /** Waits for open connections until the time is over, then cuts them off. */
  shutDown(waitMs: number): Promise<void>;
}

const WINDOW_BYTES = 1024 * 1024;

// Megabytes. What waits to be sent counts, and that one response may be larger than the ten of the default.
const MAX_SESSION_MEMORY = 1_000_000;

// The kernel takes less where net.core.somaxconn says so. A fleet that comes back comes at once.
const BACKLOG = 4096;

const METHODS: ReadonlyMap<string, XdsMethod> = new Map(XDS_METHODS.map((method) => [method.path, method]));

/** Creates a server that does not listen yet. */
export function createGrpcServer(options: XdsServerOptions, handlers: GrpcHandlers): GrpcServer {
  const limits = { ...DEFAULTS, ...options.limits };
  const keepalive = options.keepalive ?? DEFAULTS.keepalive;
  const age = options.connectionAge ?? DEFAULTS.connectionAge;
  const settings: ServerOptions = {
    settings: {
      initialWindowSize: WINDOW_BYTES,
      enablePush: false,
      maxConcurrentStreams: limits.maxStreamsPerConnection,
    },
    maxSessionMemory: MAX_SESSION_MEMORY,
  };
  const servers = new Set<Http2Server>();
  const sessions = new Set<ServerHttp2Session>();
  const sockets = new Set<Socket>();
  const stops: (() => void)[] = [];

  function onSession(session: ServerHttp2Session): void {
    sessions.add(session);
    session.setLocalWindowSize(WINDOW_BYTES);
    const stop = [keepAlive(session, keepalive), limitAge(session, age)];
    // What went wrong with a connection ends its streams, which is all that matters of it.
    session.on('error', () => undefined);
    session.on('close', () => {
      for (const one of stop) one();
      sessions.delete(session);
    });
  }

  function onStream(stream: ServerHttp2Stream, headers: IncomingHttpHeaders): void {
    const path = String(headers[':path']);
    const encoding = String(headers['grpc-encoding'] ?? 'identity');
    const method = METHODS.get(path);
    const status = path === STATUS_METHODS.stream || path === STATUS_METHODS.fetch;
    if (headers['content-type']?.startsWith('application/grpc') !== true) {
      stream.on('error', () => undefined);
      stream.respond({ ':status': 415 }, { endStream: true });
    } else if (method === undefined && !status) refuseCall(stream, `unknown method ${path}`);
    else if (encoding !== 'identity') refuseCall(stream, `unsupported encoding ${encoding}`);
    else if (method === undefined) {
      serveAnswers(stream, limits.maxReceiveBytes, { ...handlers, once: path === STATUS_METHODS.fetch });
    } else serveCall(stream, limits.maxReceiveBytes, (call) => handlers.accept(call, method));
  }

  function open(plaintext: boolean): Http2Server {
    const { tls } = options;
    if (plaintext || tls === undefined) return createServer(settings);
    const secure = createSecureServer({ ...settings, ...secureOptions(tls.current) });
    stops.push(tls.onChange((material) => secure.setSecureContext(secureOptions(material))));
    return secure;
  }

  return {
    async listen({ host, port }, { plaintext }) {
      const server = open(plaintext);
      server.on('session', onSession);
      server.on('stream', onStream);
      server.on('connection', (socket: Socket) => {
        sockets.add(socket);
        socket.once('close', () => sockets.delete(socket));
      });
      await new Promise<void>((resolve, reject) => {
        server.once('error', (error) => reject(listenError(`${host}:${port}`, error)));
        server.listen({ host, port, backlog: BACKLOG }, resolve);
      });
      servers.add(server);
      return (server.address() as AddressInfo).port;
    },
    async shutDown(waitMs) {
      for (const stop of stops.splice(0)) stop();
      const closed = [...servers].map((server) => new Promise<void>((resolve) => server.close(() => resolve())));
      servers.clear();
      for (const session of sessions) session.close();
      const deadline = setTimeout(() => {
        for (const session of sessions) session.destroy();
        for (const socket of sockets) socket.destroy();
      }, waitMs);
      await Promise.all(closed);
      clearTimeout(deadline);
    },
  };
}

/** Pings, so that a peer that is gone without a word is noticed. Returns how to stop. */
function keepAlive(
  session: ServerHttp2Session,
  { intervalMs, timeoutMs }: NonNullable<XdsServerOptions['keepalive']>,
): () => void {
  let late: NodeJS.Timeout | undefined;
  const timer = setInterval(() => {
    if (session.destroyed || session.closed) return;
    clearTimeout(late);
    late = setTimeout(() => session.destroy(), timeoutMs).unref();
    session.ping(() => clearTimeout(late));
  }, intervalMs).unref();
  return () => {
    clearInterval(timer);
    clearTimeout(late);
  };
}

/** Tells a connection to go when it is old, and cuts it off later. Returns how to stop. */
function limitAge(
  session: ServerHttp2Session,
  { maxMs, graceMs }: NonNullable<XdsServerOptions['connectionAge']>,
): () => void {
  // A tenth more or less: what came at once does not leave at once.
  const age = maxMs * (0.9 + 0.2 * Math.random());
  let timer = setTimeout(() => {
    session.close();
    timer = setTimeout(() => session.destroy(), graceMs).unref();
  }, age).unref();
  return () => clearTimeout(timer);
}

/** What stands in the way of listening. */
function listenError(target: string, error: Error): GatewayError {
  if ('code' in error && error.code === 'EADDRINUSE') {
    return new GatewayError('port_in_use', `the xDS address ${target} is in use`, { cause: error });
  }
  return GatewayError.from(error, 'unavailable', `cannot listen on ${target}`);
}
