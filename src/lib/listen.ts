import type { Server as HttpServer } from 'node:http';
import type { Server } from 'node:net';
import { GatewayError } from './errors.ts';

/** Where a server listens: TCP, or a Unix socket. */
export type ListenAddress = { readonly host: string; readonly port: number } | { readonly path: string };

/**
 * Listens; gives the address with the port that was chosen where it says 0. Shape: `backlog` as Node's.
 * Errors: GatewayError `port_in_use`, `unavailable`, naming the address.
 */
export function listen<A extends ListenAddress>(server: Server, address: A, backlog?: number): Promise<A> {
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      const isTaken = error.code === 'EADDRINUSE';
      const name = 'path' in address ? address.path : `${address.host}:${address.port}`;
      const what = isTaken ? `the address ${name} is in use` : `cannot listen on ${name}`;
      reject(new GatewayError(isTaken ? 'port_in_use' : 'unavailable', what, { cause: error }));
    });
    server.listen({ ...address, ...(backlog && { backlog }) }, () => {
      const bound = server.address();
      const port = typeof bound === 'object' && bound !== null ? { port: bound.port } : {};
      resolve({ ...address, ...port });
    });
  });
}

/** Listens with an HTTP server of short requests. Errors: as of `listen`. */
export async function listenHttp(
  server: HttpServer,
  address: { readonly host: string; readonly port: number },
): Promise<{ readonly port: number; close(): Promise<void> }> {
  server.requestTimeout = 10_000;
  const { port } = await listen(server, address);
  return {
    port,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
