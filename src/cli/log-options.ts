import type { Logger, LogLevel } from '../telemetry/index.ts';
import type { CliIo } from './io.ts';

/** Values of the flags of the program that logging follows. */
export interface LogFlags {
  readonly logLevel: LogLevel;
  readonly logFormat?: 'json' | 'pretty';
}

/** The logger that the command line asks for: to standard error, as text on a terminal. */
export async function createCliLogger(io: CliIo, flags: LogFlags): Promise<Logger> {
  const { createLogger } = await import('../telemetry/index.ts');
  const format = flags.logFormat ?? (io.isErrorTTY ? 'pretty' : 'json');
  return createLogger({
    level: flags.logLevel,
    format: format === 'json' ? 'json' : 'text',
    write: (line) => void io.stderr.write(line),
  });
}
