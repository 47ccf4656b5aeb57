import { createServer } from 'node:net';

// Below the range that the system gives to outgoing connections, so that none of those takes a port meanwhile.
const LOWEST = 11_000;
const HIGHEST = 32_000;
const given = new Set<number>();

/**
 * Ports on which nothing listens, different at each call. Found by trying, from a random start: Envoy shares ports
 * (SO_REUSEPORT), so two test runs that chose the same one would not notice.
 */
export async function freePorts(count: number): Promise<number[]> {
  const ports: number[] = [];
  let port = LOWEST + Math.floor(Math.random() * (HIGHEST - LOWEST));
  for (let tried = 0; ports.length < count; tried++) {
    if (tried > HIGHEST - LOWEST) throw new Error(`no ${count} free ports`);
    port = port + 1 >= HIGHEST ? LOWEST : port + 1;
    if (given.has(port) || !(await isFree(port))) continue;
    given.add(port);
    ports.push(port);
  }
  return ports;
}

/** One free port. */
export async function freePort(): Promise<number> {
  const [port] = await freePorts(1);
  if (port === undefined) throw new Error('no free port');
  return port;
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen({ port, host: '0.0.0.0', exclusive: true }, () => server.close(() => resolve(true)));
  });
}
