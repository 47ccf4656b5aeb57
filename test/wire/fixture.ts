/** A server with one snapshot key, and clients that are closed with it. */

import { silentLogger } from '../../src/telemetry/logger.ts';
import { createXdsServer, type NackEvent, TYPE, type XdsServer, type XdsServerOptions } from '../../src/xds/index.ts';
import { type Ask, type ClientOptions, connect, publisher, type RawClient, type Variant } from './client.ts';

export const VARIANTS: readonly Variant[] = ['sotw', 'delta'];

export { TYPE };

export interface Fixture {
  readonly server: XdsServer;
  readonly port: number;
  readonly publish: ReturnType<typeof publisher>;
  readonly nacks: NackEvent[];
  client(variant: Variant, options?: Partial<ClientOptions>): RawClient;
  close(): Promise<void>;
}

/** Starts a server on a free port. Nodes get the key `g` unless `resolve` says otherwise. */
export async function startServer(options: Partial<XdsServerOptions> = {}): Promise<Fixture> {
  const nacks: NackEvent[] = [];
  const server = createXdsServer({
    resolve: () => 'g',
    logger: silentLogger,
    onNack: (event) => nacks.push(event),
    ...options,
  });
  const { port } = await server.listen({ host: '127.0.0.1', port: 0 });
  const clients: RawClient[] = [];
  return {
    server,
    port,
    publish: publisher(server),
    nacks,
    client(variant, more = {}) {
      const client = connect({ port, variant, ...more });
      clients.push(client);
      return client;
    },
    async close() {
      for (const client of clients) client.close();
      await server.close();
    },
  };
}

/** A first request for names in the words of a variant. `*` and an empty list mean what they mean there. */
export function subscription(variant: Variant, typeUrl: string, names: string[]): Ask {
  return variant === 'sotw' ? { typeUrl, names } : { typeUrl, subscribe: names };
}

/** Waits until a condition holds. */
export async function until(condition: () => boolean, what: string, timeoutMs = 3000): Promise<void> {
  const deadline = performance.now() + timeoutMs;
  while (!condition()) {
    if (performance.now() > deadline) throw new Error(`not within ${timeoutMs} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
