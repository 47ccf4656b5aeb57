import { setFlagsFromString } from 'node:v8';
import { type Command, Option } from 'commander';
import { GatewayError } from '../../lib/errors.ts';
import type { Logger } from '../../telemetry/index.ts';
import { type Address, parseAddress } from '../addresses.ts';
import {
  type AdminPortFlags,
  addServiceAdminOptions,
  checkAdminPort,
  openServiceAdmin,
  type ServiceAdmin,
} from '../admin-port.ts';
import type { BucketFlags } from '../bucket-store.ts';
import type { CliIo } from '../io.ts';
import type { LimitsFiles } from '../limits-files.ts';
import type { LimitsFromXdsFlags } from '../limits-from-xds.ts';
import { createCliLogger, type LogFlags } from '../log-options.ts';
import { addBucketOptions, checkBucketFlags, collect } from '../rate-limit-options.ts';
import { addressOption, parseDuration } from '../server-options.ts';
import { untilTerminated } from '../signals.ts';
import { addPortOptions, checkPlaintext, checkTlsFlags, type PortFlags } from '../tls-options.ts';
import { watchTls } from '../watched-tls.ts';

interface RateLimitFlags extends BucketFlags, Partial<LimitsFromXdsFlags>, PortFlags, AdminPortFlags {
  readonly address: Address;
  readonly config?: readonly string[];
  readonly mergeDomains?: boolean;
  readonly keyPrefix: string;
  readonly shadow?: boolean;
  readonly quota?: boolean;
  readonly dynamicMetadata?: boolean;
  readonly headers?: boolean;
  readonly drainTimeout: number;
}

const EXAMPLES = `
The files are those of envoyproxy/ratelimit: one domain each. They are read again when they change. With --xds limits come
from the control plane that serves the Envoys: those of one Gateway (--gateway), or of all.
With Redis the buckets are those that envoyproxy/ratelimit would use, so both may serve one fleet.

Examples:
  headgate ratelimit --config limits.yaml
  headgate ratelimit --xds headgate.infra:18000 --address 0.0.0.0:8081 --tls-cert tls.crt --tls-key tls.key --tls-client-ca ca.crt
  headgate ratelimit --config limits/ --address 0.0.0.0:8081 --insecure-plaintext --redis redis://redis:6379 --failure-mode closed
  headgate ratelimit --config limits.yaml --redis rediss://a:6379 --redis rediss://b:6379 --redis-mode cluster`;

export function registerRateLimit(program: Command, io: CliIo): void {
  addServiceAdminOptions(
    addPortOptions(addBucketOptions(program.command('ratelimit')), 'anyone who connects uses up what others may use'),
    '/healthz, /metrics, /json',
  )
    .description('Serve rate limits alone, to Envoys or in the place of envoyproxy/ratelimit')
    .addOption(addressOption('--address', 'where Envoys connect (gRPC)', '127.0.0.1:18002'))
    .option('--config <file>', 'limits (repeatable; a directory: its YAML files)', collect)
    .addOption(
      new Option('--xds <address>', 'get the limits from a control plane, in the place of --config').argParser(
        parseAddress,
      ),
    )
    .option('--gateway <namespace/name>', 'with --xds: the limits of one Gateway alone')
    .option('--node-id <id>', 'with --xds: what status shows (default: of host and process)')
    .option('--xds-tls-ca <file>', 'TLS to the control plane: its authorities')
    .option('--xds-tls-cert <file>', 'certificate for the control plane (read again at each connection)')
    .option('--xds-tls-key <file>', 'key of --xds-tls-cert')
    .option('--merge-domains', 'a domain of several files is their sum, not a mistake')
    .option('--key-prefix <text>', 'in front of every key', '')
    .option('--shadow', 'decide and count, but refuse nothing')
    .option('--quota', 'every limit is in quota mode')
    .option('--dynamic-metadata', 'answers say what passed, for routing')
    .option('--headers', 'answers have x-ratelimit-limit, -remaining and -reset')
    .addOption(
      new Option('--drain-timeout <duration>', 'how long requests may go on at the end')
        .argParser(parseDuration)
        .default(5000, '5s'),
    )
    .addHelpText('after', EXAMPLES)
    .action((flags: RateLimitFlags, command: Command) =>
      runRateLimit({ ...command.optsWithGlobals<RateLimitFlags & LogFlags>(), ...flags }, io),
    );
}

async function runRateLimit(flags: RateLimitFlags & LogFlags, io: CliIo): Promise<void> {
  checkFlags(flags);
  const logger = await createCliLogger(io, flags);
  // Buckets live long: by default the heap may grow to three times what lives before it is collected.
  setFlagsFromString('--heap-growing-percent=50');
  const terminated = untilTerminated();
  const limits = await openLimits(flags, logger, terminated);
  if (!limits) return;
  try {
    await serveLimits(limits, flags, logger, terminated);
  } finally {
    // A connection to the control plane would keep the process alive.
    limits.close();
  }
}

async function serveLimits(
  limits: LimitsFiles,
  flags: RateLimitFlags,
  logger: Logger,
  terminated: Promise<NodeJS.Signals>,
): Promise<void> {
  const [{ createRateLimitService, startServiceHttp }, { openStore }] = await Promise.all([
    import('../../ratelimit/index.ts'),
    import('../bucket-store.ts'),
  ]);
  const { failureMode, redis } = flags;
  const tls = await watchTls(flags, logger);
  const service = createRateLimitService({
    store: await openStore(flags, logger),
    config: limits.first,
    keyPrefix: flags.keyPrefix,
    failureMode: failureMode === 'closed' ? 'closed' : 'open',
    shadow: flags.shadow === true,
    quota: flags.quota === true,
    dynamicMetadata: flags.dynamicMetadata === true,
    headers: flags.headers === true,
    logger,
    ...(redis ? { separator: '_' } : {}),
    ...(tls && { tls: tls.current }),
  });
  tls?.onChange(service.replaceTls);
  let http: ServiceAdmin | undefined;
  let drainMs = 0;
  try {
    const address = await service.listen(flags.address);
    http = await openServiceAdmin(flags, logger, (...at) => startServiceHttp(service, ...at));
    limits.watch((next) => service.replaceConfig(next));
    logger.info(
      {
        address: `${address.host}:${address.port}`,
        ...(http && { admin: http.port }),
        domains: limits.first.domains.length,
      },
      'rate limit service listening',
    );
    const signal = await terminated;
    logger.info({ signal }, 'draining');
    drainMs = flags.drainTimeout;
  } finally {
    tls?.close();
    await service.close(drainMs);
    await http?.close();
  }
}

/** Undefined where the process is told to end before there are any. */
async function openLimits(flags: RateLimitFlags, logger: Logger, terminated: Promise<unknown>) {
  const { config = [], mergeDomains = false, xds } = flags;
  if (!xds) {
    const { openLimitsFiles } = await import('../limits-files.ts');
    return openLimitsFiles({ paths: config, mergeDomains, logger });
  }
  const { openLimitsFromXds } = await import('../limits-from-xds.ts');
  const abort = new AbortController();
  void terminated.then(() => abort.abort());
  return openLimitsFromXds({ ...flags, xds }, logger, abort.signal).catch((caught: unknown) => {
    if (abort.signal.aborted) return undefined;
    throw caught;
  });
}

/** Errors: GatewayError `usage`. */
function checkFlags(flags: RateLimitFlags): void {
  const { address, config, xds } = flags;
  const usage = (message: string): GatewayError => new GatewayError('usage', message);
  if (!config && !xds) throw usage('name the limits: --config FILE or --xds ADDRESS');
  if (config && xds) throw usage('--config and --xds exclude each other');
  const { gateway, nodeId, xdsTlsCa, xdsTlsCert, xdsTlsKey } = flags;
  if (!xds && [gateway, nodeId, xdsTlsCa, xdsTlsCert, xdsTlsKey].some((flag) => flag !== undefined)) {
    throw usage('--gateway, --node-id and --xds-tls-* belong to --xds');
  }
  if ((xdsTlsCert === undefined) !== (xdsTlsKey === undefined)) {
    throw usage('--xds-tls-cert and --xds-tls-key belong together');
  }
  if (xdsTlsCert !== undefined && xdsTlsCa === undefined) throw usage('--xds-tls-cert needs --xds-tls-ca');
  checkBucketFlags(flags);
  checkTlsFlags(flags);
  checkAdminPort(flags);
  checkPlaintext(flags, { flag: '--address', address, what: 'who connects there uses up what others may use' });
}
