import { createHash, timingSafeEqual } from 'node:crypto';

/** Whether a request shows this token in its header `authorization`. */
export function showsBearer(header: string | undefined, token: string): boolean {
  const [scheme = '', given = ''] = (header ?? '').split(/ +(.*)/s);
  const digest = (text: string): Buffer => createHash('sha256').update(text).digest();
  return scheme.toLowerCase() === 'bearer' && timingSafeEqual(digest(given), digest(token));
}
