import { dirname, resolve } from 'node:path';
import { GatewayError } from '../lib/errors.ts';
import type { FetchContext } from './fetch-context.ts';
import { failure, requestJson, send } from './request.ts';
import { readSmallFile } from './small-file.ts';
import { bearerToken, type Token } from './token.ts';

/** The agent leaves what it asks for here, for those that it trusts to read. */
const FOLDER = '/var/opt/azcmagent/tokens';
const MAX_BYTES = 4096;

/**
 * A token for a machine that Azure Arc manages. Its agent first names a file, and gives a token to who can read that.
 * Errors: GatewayError. Source: Azure Arc, authenticate against Azure resources.
 */
export async function arcToken(
  place: string,
  resource: string,
  context: FetchContext,
  folder = FOLDER,
): Promise<Token> {
  const at = new URL(place);
  at.searchParams.set('api-version', '2019-11-01');
  at.searchParams.set('resource', resource);
  const url = at.href;
  const metadata = { metadata: 'true' };
  const asked = await send({ url, headers: metadata }, context);
  const [, path] = /^Basic realm="?([^"]+)"?$/i.exec(asked.headers.get('www-authenticate') ?? '') ?? [];
  if (asked.status !== 401 || path === undefined) throw failure(url, 'does not ask as the agent of Azure Arc does');
  // Whoever else answers there is not told what other files hold.
  if (dirname(resolve(path)) !== folder || !path.endsWith('.key'))
    throw failure(url, 'asks for a file of somebody else');
  const authorization = `Basic ${await readKey(path, context)}`;
  return bearerToken(await requestJson({ url, headers: { ...metadata, authorization } }, context), url);
}

function readKey(path: string, context: FetchContext): Promise<string> {
  return readSmallFile(path, context, MAX_BYTES).catch(() => {
    throw new GatewayError('invalid_input', 'the key file of Azure Arc cannot be read: only its group himds may');
  });
}
