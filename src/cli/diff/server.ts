import type { ConfigDump } from '../../envoy/config-dump.ts';
import { GatewayError } from '../../lib/errors.ts';
import { type DumpedResource, resourcesOfDump } from './side.ts';

const DEADLINE_MS = 10_000;

/**
 * What a running server has for each of its gateways, or for one.
 * Errors: GatewayError `unavailable` when it cannot be asked, `usage` for an address that is none.
 */
export async function resourcesOfServer(address: string, gateway: string | undefined): Promise<DumpedResource[]> {
  const base = address.includes('://') ? address : `http://${address}`;
  if (!URL.canParse(base)) throw new GatewayError('usage', `--server ${address} is not an address`);
  const keys = gateway === undefined ? await gatewaysOf(base) : [gateway];
  const dumps = await Promise.all(
    keys.map(async (key) => {
      const dump = await ask(new URL(`/config_dump?gateway=${encodeURIComponent(key)}`, base));
      return dump === undefined ? [] : resourcesOfDump(key, dump as ConfigDump);
    }),
  );
  return dumps.flat();
}

async function gatewaysOf(base: string): Promise<readonly string[]> {
  const status = (await ask(new URL('/api/status', base))) as { gateways?: readonly string[] } | undefined;
  return status?.gateways ?? [];
}

/** The JSON of an answer; undefined for 404. */
async function ask(url: URL): Promise<unknown> {
  let response: Response;
  try {
    response = await fetch(url, { signal: AbortSignal.timeout(DEADLINE_MS) });
    if (response.ok) return await response.json();
  } catch (caught) {
    throw new GatewayError('unavailable', `the server at ${url.origin} cannot be asked`, { cause: caught });
  }
  await response.body?.cancel();
  if (response.status === 404) return undefined;
  throw new GatewayError('unavailable', `${url.origin} answered ${response.status} to ${url.pathname}`);
}
