/** The private folder of one `run`, under the system's temporary one: the socket of its processor, files of its Envoys. */
import { lstat, mkdtemp, readdir, rename, rm } from 'node:fs/promises';
import { createConnection, createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { listen } from '../lib/listen.ts';

const PREFIX = 'headgate-run-';
/** A socket that is listened on for as long as the process lives: nobody has to trust a process id. */
const ALIVE = 'alive';

export interface RunFolder {
  readonly path: string;
  /** The folders of runs that were killed are gone, as far as they could be removed. */
  readonly swept: Promise<void>;
  remove(): Promise<void>;
}

/** Makes one, and removes those whose run was killed. Errors: GatewayError `unavailable`. */
export async function openRunFolder(parent: string = tmpdir()): Promise<RunFolder> {
  const path = await mkdtemp(join(parent, PREFIX));
  const alive = createServer((connection) => connection.destroy()).unref();
  const remove = async (): Promise<void> => {
    await new Promise((resolve) => alive.close(resolve));
    await rm(path, { recursive: true, force: true });
  };
  try {
    await appear(alive, path);
  } catch (caught) {
    await remove();
    throw caught;
  }
  return { path, swept: sweep(parent), remove };
}

/** Under its name the socket is never one that is not listened on yet. */
async function appear(alive: Server, path: string): Promise<void> {
  const first = join(path, `${ALIVE}.new`);
  await listen(alive, { path: first });
  await rename(first, join(path, ALIVE));
}

async function sweep(parent: string): Promise<void> {
  const names = await readdir(parent).catch(() => []);
  for (const name of names) {
    const path = join(parent, name);
    if (name.startsWith(PREFIX) && (await isOurs(path)) && (await isDead(join(path, ALIVE)))) {
      // What another run has removed meanwhile is gone as well.
      await rm(path, { recursive: true, force: true }).catch(() => undefined);
    }
  }
}

async function isOurs(path: string): Promise<boolean> {
  const stat = await lstat(path).catch(() => undefined);
  return stat?.isDirectory() === true && stat.uid === process.getuid?.();
}

/** There is a socket, and nobody listens on it. */
function isDead(socket: string): Promise<boolean> {
  return new Promise((resolve) => {
    const connection = createConnection({ path: socket });
    connection.once('connect', () => {
      connection.destroy();
      resolve(false);
    });
    connection.once('error', (error: NodeJS.ErrnoException) => resolve(error.code === 'ECONNREFUSED'));
  });
}
