/**
 * The window of a reservation. A check that reserves and the settling at the stream's end are two requests that know
 * nothing of each other, so both carry when the stream began, as an entry that is no part of the bucket's key:
 * `{key: "headgate_reserved_at", value: "1732270000.123"}` (Envoy: `%START_TIME(%s.%3f)%`). What it does:
 *
 * - What is charged goes to the window of that time when it is at most `SKEW_SECONDS` off, else to the window of now: a
 *   check and its refund meet in one bucket although the clocks of Envoy and service differ by so much.
 * - What is given back goes to the window of that time, or nowhere when that window is over: never into a later one.
 * - Descriptors of one bucket in one request (the usage, and the reservation with `is_negative_hits`) are one net change.
 *
 * The error of a stream's charge is therefore at most its reservation, never less than its usage where the window of the
 * check still runs or the usage is larger, and only where a stream outlives its window: then the new window is charged
 * with the usage above the reservation, and the old one keeps the reservation.
 */
import { GIVES_BACK_KEY, RESERVED_AT_KEY } from '../ir/index.ts';
import { GatewayError } from '../lib/errors.ts';
import type { Descriptor } from './wire.ts';

/** How far the clocks of Envoys and this service may be apart. */
export const SKEW_SECONDS = 2;

/**
 * The time of the reservation in Unix seconds and the descriptor without what is no part of its bucket. An Envoy before
 * 1.38 has no `is_negative_hits`; an entry says it instead. Errors: GatewayError `invalid_input`.
 */
export function takeReservation(descriptor: Descriptor): { descriptor: Descriptor; reservedAt: number | undefined } {
  const at = descriptor.entries.find(({ key }) => key === RESERVED_AT_KEY);
  if (!at) return { descriptor, reservedAt: undefined };
  const entries = descriptor.entries.filter(({ key }) => key !== RESERVED_AT_KEY && key !== GIVES_BACK_KEY);
  const isNegativeHits = descriptor.isNegativeHits || descriptor.entries.some(({ key }) => key === GIVES_BACK_KEY);
  return { descriptor: { ...descriptor, entries, isNegativeHits }, reservedAt: parseTime(at.value) };
}

function parseTime(text: string): number {
  if (!/^\d{1,12}(\.\d{1,9})?$/.test(text)) {
    throw new GatewayError('invalid_input', `${RESERVED_AT_KEY} is Unix time in seconds`);
  }
  return Number(text);
}

/** The time whose window a positive change belongs to. */
export function chargeTime(now: number, reservedAt: number | undefined): number {
  return reservedAt !== undefined && Math.abs(reservedAt - now) <= SKEW_SECONDS ? reservedAt : now;
}
