/** Units of limits, as the rate limit protocol numbers them, and their windows. */

export type UnitName = 'second' | 'minute' | 'hour' | 'day' | 'week' | 'month' | 'year';

interface Unit {
  readonly name: UnitName;
  readonly seconds: number;
  /** In envoy.service.ratelimit.v3.RateLimitResponse.RateLimit.Unit and envoy.type.v3.RateLimitUnit. */
  readonly number: number;
}

const DAY = 86_400;

// A month is 30 days and a year 365, from the epoch on, as envoyproxy/ratelimit counts them.
const UNITS: readonly Unit[] = [
  { name: 'second', seconds: 1, number: 1 },
  { name: 'minute', seconds: 60, number: 2 },
  { name: 'hour', seconds: 3600, number: 3 },
  { name: 'day', seconds: DAY, number: 4 },
  { name: 'week', seconds: 7 * DAY, number: 7 },
  { name: 'month', seconds: 30 * DAY, number: 5 },
  { name: 'year', seconds: 365 * DAY, number: 6 },
];

const BY_NAME = new Map(UNITS.map((unit) => [unit.name as string, unit]));
const BY_NUMBER = new Map(UNITS.map((unit) => [unit.number, unit]));

export const UNIT_NAMES: readonly string[] = UNITS.map(({ name }) => name);

/** Any case, as envoyproxy/ratelimit reads it. */
export function unitByName(name: string): Unit | undefined {
  return BY_NAME.get(name.toLowerCase());
}

export function unitByNumber(number: number): Unit | undefined {
  return BY_NUMBER.get(number);
}

/** Where the window that holds a time begins; all in seconds of Unix time. */
export function windowStart(seconds: number, length: number): number {
  return Math.floor(seconds / length) * length;
}
