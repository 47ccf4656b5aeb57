/** The logger: one line a message, JSON for machines or text for people, secrets taken out. */
import { pino } from 'pino';

export type LogLevel = 'debug' | 'info' | 'warn' | 'error' | 'silent';

export type LogFields = Readonly<Record<string, unknown>>;

/** What the rooms know of logging. */
export interface Logger {
  debug(fields: LogFields, message: string): void;
  info(fields: LogFields, message: string): void;
  warn(fields: LogFields, message: string): void;
  error(fields: LogFields, message: string): void;
  /** A logger that adds the fields to each message, such as `{ component: 'xds' }`. */
  child(fields: LogFields): Logger;
}

export interface LoggerOptions {
  readonly level: LogLevel;
  readonly format: 'json' | 'text';
  /** Takes whole lines; standard error when absent (standard output belongs to results). */
  readonly write?: (line: string) => void;
}

const CENSORED = '[redacted]';

const SECRET_KEYS: ReadonlySet<string> = new Set([
  'authorization',
  'apiKey',
  'api_key',
  'password',
  'token',
  'accessToken',
  'secret',
  'secretAccessKey',
  'sessionToken',
  'clientSecret',
  'privateKey',
  'inlineString',
  'inline_string',
  'cookie',
]);

// Secrets inside of texts, such as a header that an error message quotes.
const SECRET_TEXT =
  /\b(Bearer|Basic) +[A-Za-z0-9._~+/=-]{8,}|\bsk-[A-Za-z0-9_-]{8,}|\bAKIA[A-Z0-9]{16}\b|-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*?-----END [A-Z ]*PRIVATE KEY-----/g;

/** Takes credentials out of a text. */
export function redactText(text: string): string {
  return text.replace(SECRET_TEXT, (_match, scheme: string | undefined) =>
    scheme === undefined ? CENSORED : `${scheme} ${CENSORED}`,
  );
}

/** Creates the logger of a process. Shape of a JSON line: `level` as a word, `time` in ISO 8601, fields, `msg`. */
export function createLogger(options: LoggerOptions): Logger {
  const write = options.write ?? ((line: string) => void process.stderr.write(line));
  const render = options.format === 'json' ? redactText : (line: string) => redactText(renderText(line));
  return pino(
    {
      level: options.level,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }), bindings: censor, log: censor },
    },
    { write: (line: string) => write(render(line)) },
  );
}

const CENSORED_DEPTH = 3;

// pino's own redaction copies all fields of every line, and costs more than the rest of it.
function censor(fields: Record<string, unknown>): Record<string, unknown> {
  return censorEntries(fields, CENSORED_DEPTH);
}

function censorEntries(fields: Record<string, unknown>, depth: number): Record<string, unknown> {
  let censored: Record<string, unknown> | undefined;
  for (const [key, value] of Object.entries(fields)) {
    const shown = SECRET_KEYS.has(key) ? CENSORED : censorValue(value, depth - 1);
    if (shown === value) continue;
    censored ??= { ...fields };
    censored[key] = shown;
  }
  return censored ?? fields;
}

function censorValue(value: unknown, depth: number): unknown {
  if (depth === 0 || typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map((item) => censorValue(item, depth - 1));
  return censorEntries(value as Record<string, unknown>, depth);
}

/** A logger that drops everything. */
export const silentLogger: Logger = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
  child: () => silentLogger,
};

/** `12:00:01.123 warn  xds: message key=value`, for a terminal. */
function renderText(line: string): string {
  const { level, time, component, msg, ...fields } = JSON.parse(line) as Record<string, unknown>;
  const clock = String(time).slice(11, 23);
  const where = component === undefined ? '' : `${String(component)}: `;
  const rest = Object.entries(fields).map(
    ([key, value]) => ` ${key}=${typeof value === 'string' ? quoteIfNeeded(value) : JSON.stringify(value)}`,
  );
  return `${clock} ${String(level).padEnd(5)} ${where}${String(msg ?? '')}${rest.join('')}\n`;
}

function quoteIfNeeded(text: string): string {
  return /[\s"=]/.test(text) || text === '' ? JSON.stringify(text) : text;
}
