import type { Command } from 'commander';

/** How to reach a running server. */
export interface AdminFlags {
  readonly server: string;
  readonly tokenFile?: string;
}

/** Where `run` and `serve` have their admin API unless told otherwise. */
const DEFAULT_SERVER = 'http://127.0.0.1:18001';

export function addAdminOptions(command: Command): Command {
  return command
    .option('--server <url>', 'admin address of the server', DEFAULT_SERVER)
    .option('--token-file <file>', 'bearer token of the admin API, where it asks for one');
}
