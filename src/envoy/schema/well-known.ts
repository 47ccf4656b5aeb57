/** The well-known types whose JSON is a string: Duration, Timestamp, FieldMask. */

interface SecondsNanos {
  readonly seconds: number;
  readonly nanos: number;
}

/** google.protobuf.Duration holds about 10,000 years either way. */
const MAX_DURATION_S = 315_576_000_000;
const MIN_TIMESTAMP_S = -62_135_596_800;
const MAX_TIMESTAMP_S = 253_402_300_799;
const DURATION = /^(-?)([0-9]{1,12})(?:\.([0-9]{1,9}))?s$/;
const TIMESTAMP = /^(\d{4}-\d\d-\d\d)[Tt](\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?([Zz]|[+-]\d\d:\d\d)$/;

/** `-1.5s` to seconds and nanos of one sign; undefined when it is not a duration. */
export function parseDuration(text: string): SecondsNanos | undefined {
  const match = DURATION.exec(text);
  if (match === null) return undefined;
  const seconds = Number(match[2]);
  if (seconds > MAX_DURATION_S) return undefined;
  const nanos = parseFraction(match[3]);
  // 0 - x and not -x: a negative zero would be written to the wire.
  return match[1] === '-' ? { seconds: 0 - seconds, nanos: 0 - nanos } : { seconds, nanos };
}

/** The canonical text of a duration: 0, 3, 6 or 9 digits after the point. */
export function printDuration({ seconds, nanos }: SecondsNanos): string {
  const sign = seconds < 0 || nanos < 0 ? '-' : '';
  return `${sign}${Math.abs(seconds)}${printFraction(Math.abs(nanos))}s`;
}

/** RFC 3339 to seconds and nanos since the epoch; undefined when it is not a timestamp. */
export function parseTimestamp(text: string): SecondsNanos | undefined {
  const match = TIMESTAMP.exec(text);
  if (match === null) return undefined;
  const ms = Date.parse(`${match[1]}T${match[2]}${(match[4] ?? '').toUpperCase()}`);
  const seconds = ms / 1000;
  if (Number.isNaN(ms) || seconds < MIN_TIMESTAMP_S || seconds > MAX_TIMESTAMP_S) return undefined;
  return { seconds, nanos: parseFraction(match[3]) };
}

/** The canonical text of a timestamp, in UTC. */
export function printTimestamp({ seconds, nanos }: SecondsNanos): string {
  const whole = new Date(seconds * 1000).toISOString().replace(/\.\d+Z$/, '');
  return `${whole}${printFraction(nanos)}Z`;
}

/** `a.bC` to `a.b_c`, path by path. */
export function parseFieldMask(text: string): { paths: string[] } {
  const paths = text === '' ? [] : text.split(',');
  return { paths: paths.map((path) => path.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)) };
}

/** `a.b_c` to `a.bC`, path by path. */
export function printFieldMask(paths: readonly string[]): string {
  return paths.map((path) => path.replace(/_([a-z0-9])/g, (_, letter: string) => letter.toUpperCase())).join(',');
}

function parseFraction(digits: string | undefined): number {
  return digits === undefined ? 0 : Number(digits.padEnd(9, '0'));
}

function printFraction(nanos: number): string {
  if (nanos === 0) return '';
  const digits = String(nanos).padStart(9, '0');
  return `.${digits.replace(/(?:000){1,2}$/, '')}`;
}
