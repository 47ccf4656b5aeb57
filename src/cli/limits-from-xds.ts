/** Limits that a control plane serves, in the place of files. */
import { hostname } from 'node:os';
import { GatewayError } from '../lib/errors.ts';
import { type LimitsConfig, openXdsLimits, validateLimits, type XdsClientTls } from '../ratelimit/index.ts';
import type { Logger } from '../telemetry/index.ts';
import type { Address } from './addresses.ts';
import type { LimitsFiles } from './limits-files.ts';
import { readBytes } from './watched-files.ts';

export interface LimitsFromXdsFlags {
  readonly xds: Address;
  /** `NAMESPACE/NAME`; absent: all. */
  readonly gateway?: string;
  readonly nodeId?: string;
  readonly xdsTlsCa?: string;
  readonly xdsTlsCert?: string;
  readonly xdsTlsKey?: string;
}

/** Waits for the first limits, or until `signal` aborts. Errors: GatewayError `invalid_input` for files of TLS; the reason of the signal. */
export async function openLimitsFromXds(
  flags: LimitsFromXdsFlags,
  logger: Logger,
  signal: AbortSignal,
): Promise<LimitsFiles> {
  // What cannot be read now is a mistake; later it may be on its way.
  await readTls(flags);
  let take: (config: LimitsConfig) => void = () => undefined;
  let newest: LimitsConfig | undefined;
  const first = new Promise<LimitsConfig>((resolve, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason), { once: true });
    take = resolve;
  });
  const client = openXdsLimits({
    address: flags.xds,
    node: { id: flags.nodeId ?? `ratelimit-${hostname()}-${process.pid}`, cluster: flags.gateway ?? '' },
    tls: () => readTls(flags),
    logger,
    use(config) {
      const [problem] = validateLimits(config);
      if (problem) throw new GatewayError('invalid_input', `${problem.path}: ${problem.message}`);
      newest = config;
      take(config);
    },
  });
  logger.info({ component: 'ratelimit', ...flags.xds }, 'waiting for the first limits of the control plane');
  try {
    return {
      first: await first,
      watch(use) {
        take = use;
        if (newest) use(newest);
      },
      close: () => client.close(),
    };
  } catch (caught) {
    client.close();
    throw caught;
  }
}

/** Errors: GatewayError `invalid_input`. */
async function readTls({ xdsTlsCa, xdsTlsCert, xdsTlsKey }: LimitsFromXdsFlags): Promise<XdsClientTls | undefined> {
  if (xdsTlsCa === undefined) return undefined;
  const ca = await readBytes(xdsTlsCa);
  if (xdsTlsCert === undefined || xdsTlsKey === undefined) return { ca };
  return { ca, cert: await readBytes(xdsTlsCert), key: await readBytes(xdsTlsKey) };
}
