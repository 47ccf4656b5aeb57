import { type Command, InvalidArgumentError, Option } from 'commander';
import { GatewayError } from '../lib/errors.ts';
import { formatFinding } from '../lib/findings.ts';
import { parseDurationMs } from '../lib/units.ts';
import { DEFAULT_POLICY_OPTIONS } from '../policy/options.ts';
import type { ObjectSet } from '../resources/index.ts';
import type { ReadResult, Source } from '../sources/index.ts';
import type { Logger } from '../telemetry/index.ts';
import { parseAddress } from './addresses.ts';
import { type CliIo, readStdin } from './io.ts';
import { addSecurityOptions, type SecurityFlags, type ServerAddresses } from './security-options.ts';
import type { ServerOptions } from './server.ts';
import {
  addPolicyOptions,
  addSourceOptions,
  type PolicyFlags,
  policyOptionsOf,
  type SourceFlags,
} from './source-options.ts';

/** Values of the flags that `serve` and `run` share. */
export interface ServerFlags extends SourceFlags, PolicyFlags, SecurityFlags, ServerAddresses {
  readonly sentinelPort: number;
  readonly allowMassRemoval?: boolean;
  readonly drainTimeout: number;
}

export function addServerOptions(command: Command): Command {
  addSecurityOptions(addPolicyOptions(addSourceOptions(command)));
  return command
    .addOption(addressOption('--xds-address', 'where Envoys connect (ADS)', '127.0.0.1:18000'))
    .addOption(addressOption('--admin-address', 'health, metrics and status', '127.0.0.1:18001'))
    .option('--sentinel-port <port>', 'loopback port of Envoys for providers without endpoints', parsePort, 18_008)
    .option('--allow-mass-removal', 'serve a revision even if it removes more than half of the routes or clusters')
    .addOption(
      new Option('--drain-timeout <duration>', 'how long streams and requests may go on at the end')
        .argParser(parseDuration)
        .default(30_000, '30s'),
    );
}

/** A flag that takes an address, its default shown as it would be written. */
export function addressOption(flag: string, description: string, byDefault: string): Option {
  return new Option(`${flag} <address>`, description)
    .argParser(parseAddress)
    .default(parseAddress(byDefault), JSON.stringify(byDefault));
}

/** Errors: GatewayError `invalid_input` where a file that the flags name cannot be used. */
export async function serverOptions(
  flags: ServerFlags,
  source: Source,
  logger: Logger,
): Promise<Omit<ServerOptions, 'onServed'>> {
  const { openSecurity } = await import('./server-security.ts');
  return {
    security: await openSecurity(flags, logger),
    source,
    logger,
    policy: policyOptionsOf(flags, DEFAULT_POLICY_OPTIONS),
    xdsAddress: flags.xdsAddress,
    adminAddress: flags.adminAddress,
    sentinelPort: flags.sentinelPort,
    allowMassRemoval: flags.allowMassRemoval ?? false,
    strict: flags.strict ?? false,
  };
}

/** Files and directories are watched; standard input is read once. */
export async function openSource(
  paths: readonly string[],
  flags: SourceFlags,
  logger: Logger,
  io: CliIo,
): Promise<Source> {
  const { createDirectorySource, createStaticSource, readSources } = await import('../sources/index.ts');
  const options = {
    env: io.env,
    stdin: () => readStdin(io),
    ...(flags.strict !== undefined && { strict: flags.strict }),
    ...(flags.ignoreUnknown !== undefined && { ignoreUnknown: flags.ignoreUnknown }),
  };
  if (paths.includes('-')) return createStaticSource(acceptedSet(await readSources(paths, options), io));
  return createDirectorySource(paths, {
    ...options,
    onTrouble: (message) => logger.warn({ component: 'source' }, `changes are polled for: ${String(message)}`),
  });
}

/** The objects of a source that is read once. Errors: GatewayError `invalid_input`, its findings printed. */
export function acceptedSet(result: ReadResult, io: CliIo): ObjectSet {
  if (result.ok) return result.set;
  for (const finding of result.findings) io.stderr.write(`${formatFinding(finding)}\n`);
  throw new GatewayError('invalid_input', 'the input is refused');
}

function parsePort(text: string): number {
  const port = Number(text);
  if (!Number.isInteger(port) || port < 1 || port > 65_535) throw new InvalidArgumentError('It must be a port.');
  return port;
}

/** Commander's way of reading a duration. */
export function parseDuration(text: string): number {
  const ms = parseDurationMs(text);
  if (ms === undefined) throw new InvalidArgumentError('It must be a duration, such as 30s.');
  return ms;
}
