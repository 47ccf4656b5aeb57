import { createServer } from 'node:net';
import { GatewayError } from '../lib/errors.ts';

/**
 * Fails when something listens on an address already. Envoy shares the port of a listener between its workers
 * (SO_REUSEPORT), so a second Envoy of the same user would take part of the first one's traffic without a word.
 * Errors: `port_in_use` names the address and what it was for; `unavailable` when it cannot be listened on at all.
 */
export function assertPortFree(host: string, port: number, purpose: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', (cause: NodeJS.ErrnoException) => {
      const text = `${host}:${port} (${purpose})`;
      if (cause.code === 'EADDRINUSE') reject(new GatewayError('port_in_use', `${text} is already in use`, { cause }));
      else reject(new GatewayError('unavailable', `cannot listen on ${text}: ${cause.message}`, { cause }));
    });
    server.listen({ host, port, exclusive: true }, () => server.close(() => resolve()));
  });
}
