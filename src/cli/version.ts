import { readFileSync } from 'node:fs';

/** The version of Headgate, from package.json, which stands beside `src` and `dist`. */
export const VERSION: string = readVersion();

function readVersion(): string {
  const text = readFileSync(new URL('../../package.json', import.meta.url), 'utf8');
  return (JSON.parse(text) as { version: string }).version;
}
