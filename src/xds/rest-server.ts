/** The port of REST xDS: HTTP/1.1, with the TLS of the gRPC ports. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { Socket } from 'node:net';
import { getRequestListener } from '@hono/node-server';
import { GatewayError } from '../lib/errors.ts';
import { listen } from '../lib/listen.ts';
import { secureContextOf, serverTlsOf } from '../lib/server-tls.ts';
import { createRestHandler, type Poll } from './rest.ts';
import type { TlsSource } from './tls.ts';

export interface RestServerOptions {
  /** Present: the port speaks TLS alone. */
  readonly tls: TlsSource | undefined;
  readonly poll: Poll;
  /** Told of bugs. */
  readonly onFailure: (caught: unknown) => void;
}

export interface RestServer {
  /** Errors: GatewayError `port_in_use`, `unavailable`, `invalid_input` for TLS that cannot be used. */
  listen(address: { host: string; port: number }): Promise<{ host: string; port: number }>;
  /** Lets polls end that have begun. May be called again. */
  close(): Promise<void>;
}

const MAX_CONNECTIONS = 10_000;
/** Then the client connects again, and shows the certificate that it has by then. */
const MAX_REQUESTS_PER_CONNECTION = 1000;
const REQUEST_MS = 10_000;
/** Above the usual time between polls. */
const IDLE_MS = 60_000;
/** A poll takes milliseconds. */
const DRAIN_MS = 2000;

/** Creates a server that does not listen yet. */
export function createRestServer({ tls, poll, onFailure }: RestServerOptions): RestServer {
  const handle = createRestHandler(poll, onFailure);
  const answer = getRequestListener((request, { incoming }) => handle(request, { socket: incoming.socket }));
  // Those in their handshake as well.
  const sockets = new Set<Socket>();
  let closing: Promise<void> | undefined;
  let close: (() => Promise<void>) | undefined;

  function take(request: IncomingMessage, response: ServerResponse): void {
    response.shouldKeepAlive &&= !closing;
    response.once('close', () => closing && request.socket.destroySoon());
    void answer(request, response);
  }

  function open() {
    try {
      if (!tls) return { server: createServer(take), stop: () => undefined };
      const server = createTlsServer({ ...serverTlsOf(tls.current), handshakeTimeout: REQUEST_MS }, take);
      return { server, stop: tls.onChange((material) => server.setSecureContext(secureContextOf(material))) };
    } catch (caught) {
      throw GatewayError.from(caught, 'invalid_input', 'the TLS certificate and key cannot be used');
    }
  }

  return {
    async listen(address) {
      const { server, stop } = open();
      server.maxConnections = MAX_CONNECTIONS;
      server.maxRequestsPerSocket = MAX_REQUESTS_PER_CONNECTION;
      server.requestTimeout = REQUEST_MS;
      server.keepAliveTimeout = IDLE_MS;
      // Who reads nothing of an answer, too.
      server.timeout = IDLE_MS;
      server.on('connection', (socket: Socket) => {
        sockets.add(socket);
        socket.once('close', () => sockets.delete(socket));
      });
      close = async () => {
        stop();
        const closed = new Promise<void>((resolve) => server.close(() => resolve()));
        const timer = setTimeout(() => {
          for (const socket of sockets) socket.destroy();
        }, DRAIN_MS);
        await closed;
        clearTimeout(timer);
      };
      return listen(server, address);
    },
    close() {
      closing ??= close?.() ?? Promise.resolve();
      return closing;
    },
  };
}
