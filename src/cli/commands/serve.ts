import { type Command, InvalidArgumentError, Option } from 'commander';
import type { RateLimitAddress } from '../../envoy/index.ts';
import { GatewayError } from '../../lib/errors.ts';
import { type Address, parseAddress } from '../addresses.ts';
import type { CliIo } from '../io.ts';
import { createCliLogger, type LogFlags } from '../log-options.ts';
import { addProcessorOptions, type ProcessorFlags, processorTarget, watchProcessor } from '../processor-options.ts';
import { checkSecurityFlags } from '../security-options.ts';
import { addServerOptions, openSource, parseDuration, type ServerFlags, serverOptions } from '../server-options.ts';
import { reloadOnHangup, untilTerminated } from '../signals.ts';
import { pathFrom, sourcePaths } from '../source-options.ts';

interface ServeFlags extends ServerFlags, ProcessorFlags, LogFlags {
  readonly stateDir?: string;
  readonly rollout?: number;
  readonly rolloutPause: number;
  readonly ratelimitAddress?: Address;
  readonly ratelimitTlsCa?: string;
  readonly ratelimitTlsCert?: string;
  readonly ratelimitTlsKey?: string;
}

export function registerServe(program: Command, io: CliIo): void {
  addProcessorOptions(addServerOptions(program.command('serve')))
    .addOption(
      new Option('--xds-rest-address <address>', 'also serve Envoys that poll (REST xDS, HTTP/1.1)').argParser(
        parseAddress,
      ),
    )
    .option('--state-dir <directory>', 'save what is served there (credentials too), for a start without the source')
    .option('--rollout <share>', 'give changes to this share of the proxies first, such as 10%', parseShare)
    .addOption(
      new Option('--rollout-pause <duration>', 'from when these accepted a change to when the rest get it')
        .argParser(parseDuration)
        .default(30_000, '30s'),
    )
    .addOption(
      new Option('--ratelimit-address <address>', 'the rate limit service, as proxies reach it').argParser(
        parseAddress,
      ),
    )
    .option('--ratelimit-tls-ca <file>', 'TLS to it: its authorities, a file on the hosts of proxies')
    .option('--ratelimit-tls-cert <file>', 'certificate of proxies for it')
    .option('--ratelimit-tls-key <file>', 'key of --ratelimit-tls-cert')
    .description('Serve a fleet: the control plane alone (ADS and the admin API)')
    .addHelpText(
      'after',
      `
Examples:
  headgate serve config/
  headgate serve config/ --ratelimit-address ratelimit.infra:8081
  headgate serve config/ --processor processor.infra:18003
  headgate serve config/ --xds-address 10.0.0.5:18000 --tls-cert tls.crt --tls-key tls.key --tls-client-ca ca.crt`,
    )
    .action((sources: string[], flags: ServeFlags, command: Command) =>
      runServe(sources, { ...command.optsWithGlobals<ServeFlags>(), ...flags }, io),
    );
}

function parseShare(text: string): number {
  const percent = Number(/^(\d{1,2}(?:\.\d+)?)%$/.exec(text)?.[1]);
  if (!(percent > 0)) throw new InvalidArgumentError('It must be a percentage below 100%, such as 10%.');
  return percent / 100;
}

/** Errors: GatewayError `usage`. */
function rateLimitOf(flags: ServeFlags): RateLimitAddress | undefined {
  const { ratelimitAddress: address, ratelimitTlsCa: ca, ratelimitTlsCert: cert, ratelimitTlsKey: key } = flags;
  const usage = (message: string): GatewayError => new GatewayError('usage', message);
  if (!address) {
    if (ca ?? cert ?? key) throw usage('--ratelimit-tls-* belong to --ratelimit-address');
    return undefined;
  }
  if ((cert === undefined) !== (key === undefined)) throw usage('--ratelimit-tls-cert and -key belong together');
  if (cert !== undefined && ca === undefined) throw usage('--ratelimit-tls-cert needs --ratelimit-tls-ca');
  if (ca === undefined) return address;
  return { ...address, tls: { ca, ...(cert !== undefined && key !== undefined && { cert, key }) } };
}

async function runServe(sources: readonly string[], flags: ServeFlags, io: CliIo): Promise<void> {
  checkSecurityFlags(flags);
  const rateLimit = rateLimitOf(flags);
  const processor = processorTarget(flags);
  const terminated = untilTerminated();
  let isStarted = false;
  // Nothing has to be drained yet, and what is waited for (input, tokens) may take long.
  void terminated.then(() => isStarted || process.exit(0));
  const { startServer } = await import('../server.ts');
  const logger = await createCliLogger(io, flags);
  const source = await openSource(sourcePaths(sources, flags, io), flags, logger, io);
  const server = await startServer({
    ...(await serverOptions(flags, source, logger)),
    ...(flags.xdsRestAddress && { restAddress: flags.xdsRestAddress }),
    ...(rateLimit && { rateLimit }),
    ...(processor && { processor, watchProcessor: (onChange) => watchProcessor(processor, onChange) }),
    ...(flags.stateDir !== undefined && { stateDirectory: pathFrom(io, flags.stateDir) }),
    ...(flags.rollout !== undefined && { rollout: { share: flags.rollout, pauseMs: flags.rolloutPause } }),
  });
  isStarted = true;
  reloadOnHangup(source, logger);
  process.on('SIGHUP', server.controlPlane.retry);
  const signal = await terminated;
  logger.info({ signal }, 'draining');
  await server.close(flags.drainTimeout);
}
