import { fileURLToPath } from 'node:url';
import type { Command } from 'commander';
import { GatewayError } from '../../lib/errors.ts';
import type { EnvoyBinary } from '../../local/index.ts';
import type { Source } from '../../sources/index.ts';
import type { Logger } from '../../telemetry/index.ts';
import { type Address, formatAddress } from '../addresses.ts';
import type { BucketFlags } from '../bucket-store.ts';
import type { CliIo } from '../io.ts';
import { createCliLogger, type LogFlags } from '../log-options.ts';
import { startOwnLimits } from '../own-limits.ts';
import { startOwnProcessor } from '../own-processor.ts';
import { addBucketOptions, checkBucketFlags } from '../rate-limit-options.ts';
import { openRunFolder, type RunFolder } from '../run-folder.ts';
import { checkSecurityFlags } from '../security-options.ts';
import type { RunningServer } from '../server.ts';
import {
  acceptedSet,
  addressOption,
  addServerOptions,
  openSource,
  type ServerFlags,
  serverOptions,
} from '../server-options.ts';
import { reloadOnHangup, untilTerminated } from '../signals.ts';
import { pathFrom } from '../source-options.ts';
import { checkPlaintext } from '../tls-options.ts';

interface RunFlags extends ServerFlags, BucketFlags, LogFlags {
  readonly ratelimitAddress: Address;
  /** False with `--no-envoy`. */
  readonly envoy: boolean;
  readonly envoyFromPath?: boolean;
  readonly envoyAdminAddress: { host: string; port: number };
}

/** The quickstart that is part of the package. */
const QUICKSTART = fileURLToPath(new URL('../../../examples/quickstart', import.meta.url));

export function registerRun(program: Command, io: CliIo): void {
  addBucketOptions(addServerOptions(program.command('run')))
    .description('Run a gateway here: the control plane and Envoy together')
    .option('--no-envoy', 'leave Envoy to the user')
    .option('--envoy-from-path', 'take the Envoy on the PATH')
    .addOption(addressOption('--ratelimit-address', 'the rate limit service (gRPC)', '127.0.0.1:18002'))
    .addOption(addressOption('--envoy-admin-address', "Envoy's own admin", '127.0.0.1:18009'))
    .addHelpText(
      'after',
      `
Without a source: the providers whose keys are in the environment (OPENAI_API_KEY, ANTHROPIC_API_KEY,
AZURE_OPENAI_API_KEY, each with its *_BASE_URL or endpoint), else the quickstart with two demo providers.

Examples:
  headgate run
  headgate run config/
  OPENAI_API_KEY=... headgate run`,
    )
    .action((sources: string[], flags: RunFlags, command: Command) =>
      run(sources, { ...command.optsWithGlobals<RunFlags>(), ...flags }, io),
    );
}

/** Its own rate limit service has no TLS. Errors: GatewayError `usage`. */
function checkLimitsPort({ ratelimitAddress: address, insecurePlaintext = false }: RunFlags): void {
  const what = 'who connects there uses up what others may use';
  const remedy = 'leave that to headgate ratelimit';
  checkPlaintext({ insecurePlaintext }, { flag: '--ratelimit-address', address, what, remedy });
}

async function run(sources: readonly string[], flags: RunFlags, io: CliIo): Promise<void> {
  checkSecurityFlags(flags);
  checkLimitsPort(flags);
  checkBucketFlags(flags);
  const logger = await createCliLogger(io, flags);
  const terminated = untilTerminated();
  const abort = new AbortController();
  void terminated.then(() => abort.abort());
  // Looking for Envoy may mean to fetch it, which takes longest: it begins first.
  const binary = flags.envoy ? findBinary(flags, logger, io, abort.signal) : undefined;
  binary?.catch(() => undefined);
  const folder = await openRunFolder();
  const closers: (() => Promise<void>)[] = [];
  let reconcile: (() => void) | undefined;
  try {
    // Threads take a while to start, and so do the modules of this one.
    const starting = [
      startOwnProcessor(folder.path, logger),
      startOwnLimits(flags, flags.ratelimitAddress, logger),
    ] as const;
    const started = Promise.all(starting);
    started.catch(() => undefined);
    // Attempts that are under way are translated to their end.
    closers.push(closing(starting[0], flags.drainTimeout), closing(starting[1], 0));
    const [{ startServer }, { createDemoProviders }, source] = await Promise.all([
      import('../server.ts'),
      import('../demo-providers.ts'),
      chooseSource(sources, flags, logger, io),
    ]);
    const demo = createDemoProviders(logger);
    closers.push(() => demo.close());
    const options = await serverOptions(flags, source, logger);
    const [processor, limits] = await started;
    const server = await startServer({
      ...options,
      withLocalProxies: flags.envoy,
      rateLimit: limits.address,
      processor: processor.target,
      processorMetrics: processor.metrics,
      onLimits: limits.replaceConfig,
      buckets: limits,
      onServed: () => reconcile?.(),
    });
    closers.unshift(() => server.close(flags.drainTimeout));
    reloadOnHangup(source, logger);
    const failed = new Promise<never>((_resolve, reject) => {
      const { signal } = abort;
      const keep = keepInStep({ server, folder, source, demo, flags, logger, io, signal, binary, closers, reject });
      reconcile = keep;
      keep();
    });
    const signal = await Promise.race([terminated, failed]);
    logger.info({ signal }, 'draining');
  } finally {
    abort.abort();
    await closeAll([...closers, folder.remove], logger);
  }
}

/** Closes what has started, if it has. */
function closing(starting: Promise<{ close(drainMs: number): Promise<void> }>, drainMs: number): () => Promise<void> {
  return async () => (await starting.catch(() => undefined))?.close(drainMs);
}

/** One after the other; what fails to close keeps nothing else open. */
async function closeAll(closers: readonly (() => Promise<void>)[], logger: Logger): Promise<void> {
  for (const close of closers) {
    try {
      await close();
    } catch (caught) {
      logger.error({}, GatewayError.from(caught, 'unavailable').message);
    }
  }
}

interface Running {
  readonly folder: RunFolder;
  readonly server: RunningServer;
  readonly source: Source;
  readonly demo: { reconcile(set: NonNullable<Source['lastGood']>): Promise<void> };
  readonly flags: RunFlags;
  readonly logger: Logger;
  readonly io: CliIo;
  readonly signal: AbortSignal;
  readonly binary: Promise<EnvoyBinary> | undefined;
  readonly closers: (() => Promise<void>)[];
  readonly reject: (error: unknown) => void;
}

/** Brings demo providers and Envoys in step with what is served; calls follow each other, never overlap. */
function keepInStep(running: Running): () => void {
  const envoys = startEnvoys(running);
  envoys.catch(() => undefined);
  let last: Promise<void> = Promise.resolve();
  let live = false;
  return () => {
    last = last.then(async () => {
      try {
        if (running.source.lastGood) await running.demo.reconcile(running.source.lastGood);
        const gateways = running.server.controlPlane.served?.ir.gateways ?? [];
        await (await envoys)?.reconcile(gateways, running.signal);
        live = true;
      } catch (caught) {
        if (running.signal.aborted) return;
        // Once traffic is served, a change that does not work out ends nothing.
        if (live) running.logger.error({}, GatewayError.from(caught, 'unavailable').message);
        else running.reject(caught);
      }
    });
  };
}

async function startEnvoys(running: Running) {
  const { server, flags, logger, io, reject } = running;
  if (running.binary === undefined) {
    for (const { key } of server.controlPlane.served?.ir.gateways ?? []) io.stdout.write(ownEnvoyHint(key, server.xds));
    return undefined;
  }
  const [{ createLocalEnvoys }, { welcome }, binary] = await Promise.all([
    import('../local-envoys.ts'),
    import('../welcome.ts'),
    running.binary,
  ]);
  const envoys = createLocalEnvoys({
    binary,
    directory: running.folder.path,
    xds: server.localXds,
    adminAddress: flags.envoyAdminAddress,
    drainTimeoutMs: flags.drainTimeout,
    logger,
    io,
    onStarted: ({ key }) => void server.controlPlane.view(key),
    onLive: (gateway) => io.stdout.write(welcome(gateway)),
    onFailed: reject,
  });
  // Envoy stops before the server, so that its last requests are served by the configuration it has.
  running.closers.unshift(() => envoys.close());
  return envoys;
}

/** What `--no-envoy` leaves to do. */
function ownEnvoyHint(gateway: string, xds: Address): string {
  const bootstrap = `headgate bootstrap --gateway ${gateway} --xds ${formatAddress(xds)}`;
  return `Gateway ${gateway} waits for its Envoy:\n\n${bootstrap} > envoy.yaml && envoy -c envoy.yaml\n\n`;
}

async function findBinary(flags: RunFlags, logger: Logger, io: CliIo, signal: AbortSignal): Promise<EnvoyBinary> {
  const { findEnvoy } = await import('../../local/index.ts');
  return findEnvoy({
    env: io.env,
    signal,
    ...(flags.envoyFromPath !== undefined && { fromPath: flags.envoyFromPath }),
    onProgress: (message) => logger.info({ component: 'envoy' }, message),
  });
}

async function chooseSource(sources: readonly string[], flags: RunFlags, logger: Logger, io: CliIo): Promise<Source> {
  const named = [...sources, ...(flags.filename ?? [])].map((path) => pathFrom(io, path));
  if (named.length > 0) return openSource(named, flags, logger, io);
  const { createStaticSource, objectsFromEnvironment, readSources } = await import('../../sources/index.ts');
  const text = objectsFromEnvironment(io.env);
  if (text === undefined) return openSource([QUICKSTART], flags, logger, io);
  const result = await readSources(['-'], { env: io.env, stdin: () => Promise.resolve(text) });
  return createStaticSource(acceptedSet(result, io));
}
