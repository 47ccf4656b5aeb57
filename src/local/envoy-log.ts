/** Reads what Envoy logs: one line an entry, as `ENVOY_LOG_FORMAT` makes it write them. */

export type EnvoyLogLevel = 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'fatal';

/** One entry of Envoy's log, with the levels of our own logger. */
export interface EnvoyLogEntry {
  readonly level: EnvoyLogLevel;
  /** Envoy's component: `main`, `config`, `upstream`. Empty for a line that is not Envoy's logger's. */
  readonly component: string;
  readonly message: string;
}

/** Given to `--log-format`, together with `--log-format-escaped` so that one entry is always one line. */
export const ENVOY_LOG_FORMAT = '%l|%n|%v';

const LEVELS: Readonly<Record<string, EnvoyLogLevel>> = {
  trace: 'trace',
  debug: 'debug',
  info: 'info',
  warning: 'warn',
  error: 'error',
  critical: 'fatal',
};

const ENVOY_LEVELS: Readonly<Record<EnvoyLogLevel, string>> = {
  trace: 'trace',
  debug: 'debug',
  info: 'info',
  warn: 'warning',
  error: 'error',
  fatal: 'critical',
};

/** Our level in Envoy's spelling, for `--log-level`. */
export function envoyLevelOf(level: EnvoyLogLevel): string {
  return ENVOY_LEVELS[level];
}

/** Parses one line of Envoy's error output. What its logger did not write (an abort, a sanitizer) is an error. */
export function parseEnvoyLogLine(line: string): EnvoyLogEntry {
  const match = /^([a-z]+)\|([^|]*)\|(.*)$/.exec(line);
  const level = match === null ? undefined : LEVELS[match[1] ?? ''];
  if (match === null || level === undefined) return { level: 'error', component: '', message: line };
  return { level, component: match[2] ?? '', message: unescapeText(match[3] ?? '') };
}

function unescapeText(text: string): string {
  return text.replace(/\\([ntr'"\\])/g, (_, char: string) => {
    if (char === 'n') return '\n';
    if (char === 't') return '\t';
    return char === 'r' ? '\r' : char;
  });
}

/** The address that Envoy could not bind because it is taken, where an entry says so: `127.0.0.1:8080`. */
export function parseTakenAddress(message: string): string | undefined {
  return /cannot bind '([^']+)': Address already in use/.exec(message)?.[1];
}
