import { createServer } from 'node:net';

// Below the range that the system gives to outgoing connections, so that none of those takes a port meanwhile.
const LOWEST = 11_000;
const HIGHEST = 32_000;
/** Ports that a process takes at once for itself: the first is its claim to them. */
const BLOCK = 100;
const BLOCKS = (HIGHEST - LOWEST) / BLOCK;

/** What is left of the blocks that are ours. */
const ours: number[] = [];

/**
 * Ports on which nothing listens, different at each call and in each process. Envoy shares ports (SO_REUSEPORT), so two
 * test runs that chose the same one would not notice.
 */
export async function freePorts(count: number): Promise<number[]> {
  const ports: number[] = [];
  while (ports.length < count) {
    const port = ours.shift();
    if (port === undefined) ours.push(...(await claimBlock()));
    else if (await isFree(port)) ports.push(port);
  }
  return ports;
}

/** One free port. */
export async function freePort(): Promise<number> {
  const [port] = await freePorts(1);
  if (port === undefined) throw new Error('no free port');
  return port;
}

/** From a random start, the first block whose first port is free. It is listened on until this process ends, however it does. */
async function claimBlock(): Promise<number[]> {
  const start = Math.floor(Math.random() * BLOCKS);
  for (let tried = 0; tried < BLOCKS; tried += 1) {
    const first = LOWEST + ((start + tried) % BLOCKS) * BLOCK;
    if (await listens(first, true)) return Array.from({ length: BLOCK - 1 }, (_, i) => first + 1 + i);
  }
  throw new Error('no free ports');
}

function isFree(port: number): Promise<boolean> {
  return listens(port, false);
}

/** Whether the port could be listened on; `stays`: it still is, and keeps no process from ending. */
function listens(port: number, stays: boolean): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer((connection) => connection.destroy());
    server.once('error', () => resolve(false));
    server.listen({ port, host: '0.0.0.0', exclusive: true }, () => {
      if (!stays) server.close(() => resolve(true));
      else resolve(server.unref().listening);
    });
  });
}
