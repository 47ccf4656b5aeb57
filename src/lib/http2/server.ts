/** A gRPC server on HTTP/2, with or without TLS. */
import { createServer, type Server, type Socket } from 'node:net';
import { createServer as createTlsServer, type Server as TlsServer } from 'node:tls';
import { GatewayError } from '../errors.ts';
import { type ListenAddress, listen } from '../listen.ts';
import { type ServerTls, secureContextOf, serverTlsOf } from '../server-tls.ts';
import { type Connection, serveConnection } from './connection.ts';
import { MESSAGE_HEAD, type Method } from './streams.ts';
import { type ConnectionAge, type Keepalive, keepAlive, limitAge } from './upkeep.ts';

export interface GrpcServerOptions {
  /** By path: `/package.Service/Method`. */
  readonly methods: ReadonlyMap<string, Method>;
  /** Largest request. Default 1 MiB. */
  readonly maxMessageBytes?: number;
  /** Calls at once of one connection. Default 1,000. */
  readonly maxStreams?: number;
  /** Default 10,000. */
  readonly maxConnections?: number;
  /** What a client may send of a call ahead of what is read of it. Default: the largest request. */
  readonly windowBytes?: number;
  /** Calls that a client of one connection may give up within a minute. Default: any number. */
  readonly maxResets?: number;
  /** Connections that wait to be accepted; the kernel takes less where net.core.somaxconn says so. Default: Node's. */
  readonly backlog?: number;
  /** Default: that of TCP alone. */
  readonly keepalive?: Keepalive;
  /** Default: any. */
  readonly connectionAge?: ConnectionAge;
  readonly tls?: ServerTls;
  readonly onBug: (caught: unknown) => void;
}

export interface GrpcServer {
  /** Shape: gives the address back, with the port that was taken for 0. Errors: GatewayError `port_in_use`, `unavailable`. */
  listen<A extends ListenAddress>(address: A): Promise<A>;
  /** For new connections. */
  replaceTls(tls: ServerTls): void;
  readonly connections: number;
  /** Lets open calls end, at most so long. */
  close(drainMs: number): Promise<void>;
}

const KEEPALIVE_MS = 30_000;

/** Creates a server that does not listen yet. Errors: GatewayError `invalid_input` for TLS that cannot be used. */
export function createGrpcServer(options: GrpcServerOptions): GrpcServer {
  const { tls, methods, onBug, maxMessageBytes = 1024 * 1024, maxStreams = 1000 } = options;
  const windowBytes = options.windowBytes ?? maxMessageBytes + MESSAGE_HEAD;
  const maxResets = options.maxResets ?? Number.POSITIVE_INFINITY;
  const open = new Set<Connection>();
  // Those that have not become connections yet as well.
  const sockets = new Set<Socket>();

  function accept(socket: Socket): void {
    const stops: (() => void)[] = [];
    const connection = serveConnection(socket, {
      methods,
      maxMessageBytes,
      maxStreams,
      windowBytes,
      maxResets,
      onBug,
      onClose() {
        for (const stop of stops) stop();
        open.delete(connection);
      },
    });
    if (options.keepalive) stops.push(keepAlive(connection, options.keepalive));
    if (options.connectionAge) stops.push(limitAge(connection, options.connectionAge));
    open.add(connection);
  }

  const server = tls
    ? createSecureServer(tls, accept)
    : createServer({ keepAlive: true, keepAliveInitialDelay: KEEPALIVE_MS }, accept);
  server.maxConnections = options.maxConnections ?? 10_000;
  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
  });

  return {
    listen: (address) => listen(server, address, options.backlog),
    replaceTls: (next) => void ('setSecureContext' in server && server.setSecureContext(secureContextOf(next))),
    get connections() {
      return open.size;
    },
    close: (drainMs) => closeServer(server, { open, sockets }, drainMs),
  };
}

function createSecureServer(tls: ServerTls, accept: (socket: Socket) => void): TlsServer {
  try {
    const server = createTlsServer({ ...serverTlsOf(tls), ALPNProtocols: ['h2'], keepAlive: true }, accept);
    // A client that fails its handshake is its own trouble.
    server.on('tlsClientError', () => undefined);
    return server;
  } catch (caught) {
    throw GatewayError.from(caught, 'invalid_input', 'the TLS certificate and key cannot be used');
  }
}

async function closeServer(
  server: Server,
  { open, sockets }: { readonly open: ReadonlySet<Connection>; readonly sockets: ReadonlySet<Socket> },
  drainMs: number,
): Promise<void> {
  const closed = new Promise<void>((resolve) => server.close(() => resolve()));
  for (const connection of [...open]) connection.drain();
  const timer = setTimeout(() => {
    for (const connection of [...open]) connection.destroy();
    for (const socket of [...sockets]) socket.destroy();
  }, drainMs);
  await closed;
  clearTimeout(timer);
}
