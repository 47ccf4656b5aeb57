import { type Command, InvalidArgumentError, Option } from 'commander';
import type { CliIo } from '../io.ts';
import { createCliLogger, type LogFlags } from '../log-options.ts';
import {
  addServerOptions,
  checkServerFlags,
  openSource,
  parseDuration,
  type ServerFlags,
  serverOptions,
} from '../server-options.ts';
import { reloadOnHangup, untilTerminated } from '../signals.ts';
import { pathFrom, sourcePaths } from '../source-options.ts';

interface ServeFlags extends ServerFlags, LogFlags {
  readonly stateDir?: string;
  readonly rollout?: number;
  readonly rolloutPause: number;
}

export function registerServe(program: Command, io: CliIo): void {
  addServerOptions(program.command('serve'))
    .option('--state-dir <directory>', 'save what is served there (credentials too), for a start without the source')
    .option('--rollout <share>', 'give changes to this share of the proxies first, such as 10%', parseShare)
    .addOption(
      new Option('--rollout-pause <duration>', 'from when these accepted a change to when the rest get it')
        .argParser(parseDuration)
        .default(30_000, '30s'),
    )
    .description('Serve a fleet: the control plane alone (ADS and the admin API)')
    .addHelpText(
      'after',
      `
Examples:
  headgate serve config/
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

async function runServe(sources: readonly string[], flags: ServeFlags, io: CliIo): Promise<void> {
  checkServerFlags(flags);
  const { startServer } = await import('../server.ts');
  const logger = await createCliLogger(io, flags);
  const source = await openSource(sourcePaths(sources, flags, io), flags, logger, io);
  const server = await startServer({
    ...(await serverOptions(flags, source, logger)),
    ...(flags.stateDir !== undefined && { stateDirectory: pathFrom(io, flags.stateDir) }),
    ...(flags.rollout !== undefined && { rollout: { share: flags.rollout, pauseMs: flags.rolloutPause } }),
  });
  reloadOnHangup(source, logger);
  process.on('SIGHUP', server.controlPlane.retry);
  const signal = await untilTerminated();
  logger.info({ signal }, 'draining');
  await server.close(flags.drainTimeout);
}
