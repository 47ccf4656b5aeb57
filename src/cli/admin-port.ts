/** Who may ask at an admin address. */
import { type Command, Option } from 'commander';
import { GatewayError } from '../lib/errors.ts';
import type { Logger } from '../telemetry/index.ts';
import { type Address, formatAddress, parseAddress } from './addresses.ts';
import { tokenOf } from './admin-token.ts';
import { isLoopback } from './tls-options.ts';
import { type WatchedFiles, watchFiles } from './watched-files.ts';

export interface AdminPortFlags {
  readonly adminAddress?: Address;
  readonly adminTokenFile?: string;
}

/** Flags of a service whose admin address is closed unless it is named. */
export function addServiceAdminOptions(command: Command, paths: string): Command {
  return addAdminTokenOption(
    command.addOption(new Option('--admin-address <address>', `HTTP: ${paths}`).argParser(parseAddress)),
  );
}

export function addAdminTokenOption(command: Command): Command {
  return command.option('--admin-token-file <file>', 'the admin API beyond loopback asks for this bearer token');
}

/** Errors: GatewayError `usage` for an address beyond loopback that asks for no token. */
export function checkAdminPort({ adminAddress: address, adminTokenFile }: AdminPortFlags): void {
  if (!address || adminTokenFile !== undefined || isLoopback(address.host)) return;
  throw new GatewayError(
    'usage',
    `--admin-address ${formatAddress(address)} is beyond loopback: add --admin-token-file`,
  );
}

/** The token, as its file has it from time to time. Errors: GatewayError `invalid_input` naming the file. */
export async function watchAdminToken(
  { adminTokenFile: file }: AdminPortFlags,
  logger: Logger,
): Promise<WatchedFiles<string> | undefined> {
  return file === undefined ? undefined : watchFiles({ paths: [file], parse: ([text]) => tokenOf(text, file), logger });
}

/** The HTTP side of a service. */
export interface ServiceAdmin {
  readonly port: number;
  close(): Promise<void>;
}

/** Opens it where an address is named. Errors: those of `start`, and of the file of the token. */
export async function openServiceAdmin(
  flags: AdminPortFlags,
  logger: Logger,
  start: (address: Address, token: (() => string) | undefined) => Promise<ServiceAdmin>,
): Promise<ServiceAdmin | undefined> {
  if (!flags.adminAddress) return undefined;
  const token = await watchAdminToken(flags, logger);
  const { port, close } = await start(flags.adminAddress, token && (() => token.current));
  return {
    port,
    close() {
      token?.close();
      return close();
    },
  };
}
