import { readFile, stat } from 'node:fs/promises';
import type { FetchContext } from './fetch-context.ts';

const MAX_BYTES = 64 * 1024;

/**
 * The text of a file that holds a token or a key, without blanks around it. Its name may come from somebody who must not be
 * able to have this process read without an end. Errors: that of the file system, or one of its own.
 */
export async function readSmallFile(path: string, { signal }: FetchContext, maxBytes = MAX_BYTES): Promise<string> {
  const found = await stat(path);
  if (!found.isFile() || found.size > maxBytes) throw new Error('no small file');
  return (await readFile(path, { encoding: 'utf8', signal })).trim();
}
