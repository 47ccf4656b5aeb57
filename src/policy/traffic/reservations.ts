import type { CostIr, LimitIr, ReserveIr } from '../../ir/index.ts';
import { compileCost } from '../../lib/cel.ts';
import type { LoadedObject } from '../../resources/index.ts';
import type { Report } from '../report.ts';

/** On a BackendTrafficPolicy: what requests reserve of its limits, `max_tokens`, `prompt`, a number or an expression. */
const RESERVE_ANNOTATION = 'headgate.dev/reserve';
/** Tokens of output that are reserved for a request that names no maximum. */
const OUTPUT_ANNOTATION = 'headgate.dev/reserve-output';
const DEFAULT_OUTPUT = 1024;
/** `sliding` on a policy with limits: windows that slide. */
const WINDOW_ANNOTATION = 'headgate.dev/window';
/** Dynamic metadata in which the data path leaves what requests cost. */
export const COST_NAMESPACE = 'io.envoy.ai_gateway';

/** What is reserved, before it is known what cost a route charges. */
export type Reservation =
  | { readonly kind: 'number'; readonly number: number }
  | { readonly kind: 'estimate'; readonly output?: number; readonly expression?: string };

/** Errors: `isWhole` is false, with a finding, for an annotation that says nothing that can be reserved. */
export function readReservation(
  policy: LoadedObject,
  report: Report,
): { readonly reservation?: Reservation; readonly isWhole: boolean } {
  const annotations = policy.object.metadata.annotations ?? {};
  const refuse = (annotation: string, message: string, hint: string): { readonly isWhole: false } => {
    report.error('HG0502', policy, ['metadata', 'annotations', annotation], message, { hint });
    return { isWhole: false };
  };
  const outputText = annotations[OUTPUT_ANNOTATION]?.trim() ?? String(DEFAULT_OUTPUT);
  if (!/^\d{1,9}$/.test(outputText)) {
    return refuse(OUTPUT_ANNOTATION, 'must be a number of tokens', 'a number below 1000000000');
  }
  const output = Number(outputText);
  const text = annotations[RESERVE_ANNOTATION]?.trim();
  if (text === undefined) return { isWhole: true };
  if (text === 'prompt') return { reservation: { kind: 'estimate' }, isWhole: true };
  if (text === 'max_tokens') return { reservation: { kind: 'estimate', output }, isWhole: true };
  if (/^\d{1,9}$/.test(text)) return { reservation: { kind: 'number', number: Number(text) }, isWhole: true };
  const compiled = compileCost(text);
  if (compiled.ok) return { reservation: { kind: 'estimate', output, expression: text }, isWhole: true };
  const hint = 'max_tokens, prompt, a number below 1000000000, or a cost expression over estimated counts';
  return refuse(RESERVE_ANNOTATION, compiled.message, hint);
}

/** Estimates are of what a rule charges; a number may also be held while a request runs, and given back for another one. */
export function canReserve(reservation: Reservation, response: NonNullable<LimitIr['response']>): boolean {
  return response.kind === 'metadata' || reservation.kind === 'number';
}

/** The reservation of one rule, in the unit of what a route charges for it. */
export function reserveOf(
  reservation: Reservation,
  response: NonNullable<LimitIr['response']>,
  costs: readonly CostIr[],
): ReserveIr {
  if (reservation.kind === 'number') return reservation;
  const { output, expression } = reservation;
  const counted = output === undefined ? {} : { output };
  if (expression !== undefined) return { kind: 'estimate', cost: { kind: 'cel', expression }, ...counted };
  const key = response.kind === 'metadata' && response.metadata.namespace === COST_NAMESPACE && response.metadata.key;
  const cost = costs.find(({ metadataKey }) => metadataKey === key);
  return { kind: 'estimate', cost: cost?.value ?? { kind: 'count', count: 'total' }, ...counted };
}

/** Whether the windows of a policy's limits slide. */
export function readWindow(policy: LoadedObject, report: Report): { readonly sliding?: true } {
  const text = policy.object.metadata.annotations?.[WINDOW_ANNOTATION];
  if (text === 'sliding') return { sliding: true };
  if (text !== undefined && text !== 'fixed') {
    const message = `${JSON.stringify(text)} is neither "fixed" nor "sliding"; windows are fixed`;
    report.warning('HG0503', policy, ['metadata', 'annotations', WINDOW_ANNOTATION], message);
  }
  return {};
}
