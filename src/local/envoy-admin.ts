import { readFile } from 'node:fs/promises';
import { request } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { GatewayError } from '../lib/errors.ts';

const CALL_TIMEOUT_MS = 2_000;
const POLL_MS = 50;
const MAX_BODY_CHARS = 1024 * 1024;

/** Asks Envoy's admin interface. `address` is `host:port`. Errors: `unavailable`, `timeout`, `cancelled`. */
async function callAdmin(
  address: string,
  method: 'GET' | 'POST',
  path: string,
  signal?: AbortSignal,
): Promise<{ readonly status: number; readonly body: string }> {
  const url = new URL(path, `http://${address}`);
  return new Promise((resolve, reject) => {
    // No connection is kept: an idle one to the admin interface would outlive the drain.
    const options = { method, agent: false, timeout: CALL_TIMEOUT_MS, ...(signal === undefined ? {} : { signal }) };
    const call = request(url, options, (response) => {
      let body = '';
      response.setEncoding('utf8');
      response.on('data', (text: string) => {
        if (body.length < MAX_BODY_CHARS) body += text;
      });
      response.on('error', reject);
      response.on('end', () => resolve({ status: response.statusCode ?? 0, body }));
    });
    call.on('timeout', () => call.destroy(new GatewayError('timeout', `Envoy's admin at ${address} does not answer`)));
    call.on('error', (cause) => {
      const code = signal?.aborted ? 'cancelled' : 'unavailable';
      reject(GatewayError.from(cause, code, `Envoy's admin at ${address}`));
    });
    call.end();
  });
}

/**
 * Waits until an Envoy is live: it has its first configuration of every kind. `addressFile` is where Envoy writes the
 * address of its admin interface; that address is returned, `undefined` when the signal came first.
 */
export async function waitUntilLive(
  addressFile: string,
  onWait: (what: string) => void,
  signal: AbortSignal,
): Promise<string | undefined> {
  while (!signal.aborted) {
    try {
      const address = (await readFile(addressFile, 'utf8')).trim();
      const state = address === '' ? '' : (await callAdmin(address, 'GET', '/ready', signal)).body.trim();
      if (state === 'LIVE') return address;
      onWait(`it waits for its first configuration (${state})`);
    } catch {
      // No address file yet, or nobody answers there yet: asked again until Envoy is live or gone.
      onWait('its admin interface does not answer');
    }
    await sleep(POLL_MS, undefined, { signal }).catch(() => undefined);
  }
  return undefined;
}

/** Lets listeners refuse new work gently: HTTP/1 answers close their connection, HTTP/2 ones get a GOAWAY. */
export async function beginEnvoyDrain(address: string, signal?: AbortSignal): Promise<void> {
  const { status, body } = await callAdmin(address, 'POST', '/drain_listeners?graceful', signal);
  if (status !== 200) throw new GatewayError('unavailable', `Envoy refused to drain: ${status} ${body.slice(0, 200)}`);
}

/** How many requests Envoy is serving, its admin interface's own left out. */
export async function countActiveRequests(address: string, signal?: AbortSignal): Promise<number> {
  const { body } = await callAdmin(address, 'GET', '/stats?filter=downstream_rq_active$', signal);
  let sum = 0;
  for (const line of body.split('\n')) {
    const match = /^http\.(.+)\.downstream_rq_active: (\d+)$/.exec(line.trim());
    if (match !== null && match[1] !== 'admin') sum += Number(match[2]);
  }
  return sum;
}
