import type { TokenStatus } from '../credentials/index.ts';

/** How a token is doing, in one line for people. */
export function tokenText({ state, expiresAt, failure }: TokenStatus): string {
  switch (state) {
    case 'valid':
      return `${expiresAt === undefined ? 'without an end' : `until ${expiresAt}`}${failure ? `, not renewed at ${failure.at}: ${failure.message}` : ''}`;
    case 'waiting':
      return 'asked for';
    case 'missing':
      return `missing, at ${failure?.at}: ${failure?.message}`;
  }
}
