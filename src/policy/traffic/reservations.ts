import type { CostIr, LimitIr, ReserveIr } from '../../ir/index.ts';
import { compileCost } from '../../lib/cel.ts';
import type { LoadedObject } from '../../resources/index.ts';
import type { Report } from '../report.ts';

/**
 * On a policy: what requests reserve of its limits or quotas, `max_tokens`, `prompt`, a number or an expression. With
 * `-rule-N` behind it, of one global rule of a BackendTrafficPolicy alone; there `none` is a value, too.
 */
const RESERVE_ANNOTATION = 'headgate.dev/reserve';
const RULE_ANNOTATION = `${RESERVE_ANNOTATION}-rule-`;
/** Tokens of output that are reserved for a request that names no maximum. */
const OUTPUT_ANNOTATION = 'headgate.dev/reserve-output';
const DEFAULT_OUTPUT = 1024;
/** `sliding` on a policy with limits: windows that slide. */
const WINDOW_ANNOTATION = 'headgate.dev/window';
/** Dynamic metadata in which the data path leaves what requests cost. */
export const COST_NAMESPACE = 'io.envoy.ai_gateway';

/** What is reserved, before it is known what cost a route charges. */
export type Reservation = { readonly annotation: string } & (
  | { readonly kind: 'number'; readonly number: number }
  | { readonly kind: 'estimate'; readonly output?: number; readonly expression?: string }
);

/** What a policy reserves. */
export interface Reservations {
  readonly ofRule: (index: number) => Reservation | undefined;
  /** All that there are, each with the rule that it is for; none stands for all rules. */
  readonly all: readonly { readonly reservation: Reservation; readonly index?: number }[];
  readonly isWhole: boolean;
}

/** Errors: `isWhole` is false, with a finding, for an annotation that says nothing that can be reserved. */
export function readReservations(policy: LoadedObject, report: Report): Reservations {
  const annotations = policy.object.metadata.annotations ?? {};
  let isWhole = true;
  const refuse = (annotation: string, message: string, hint: string): void => {
    isWhole = false;
    report.error('HG0502', policy, ['metadata', 'annotations', annotation], message, { hint });
  };
  const outputText = annotations[OUTPUT_ANNOTATION]?.trim() ?? String(DEFAULT_OUTPUT);
  if (!NUMBER.test(outputText)) refuse(OUTPUT_ANNOTATION, 'must be a number of tokens', 'a number below 1000000000');
  const read = (annotation: string): Reservation | undefined => {
    const found = readReservation(annotations[annotation]?.trim() ?? '', Number(outputText));
    if (typeof found !== 'string') return { annotation, ...found };
    const hint = 'max_tokens, prompt, a number below 1000000000, or a cost expression over estimated counts';
    refuse(annotation, found, hint);
    return undefined;
  };
  const common = annotations[RESERVE_ANNOTATION] === undefined ? undefined : read(RESERVE_ANNOTATION);
  const own = new Map<number, Reservation | undefined>();
  for (const [annotation, text] of Object.entries(annotations)) {
    if (!annotation.startsWith(RULE_ANNOTATION)) continue;
    const index = annotation.slice(RULE_ANNOTATION.length);
    if (/^\d{1,3}$/.test(index)) own.set(Number(index), text.trim() === 'none' ? undefined : read(annotation));
    else
      refuse(annotation, `${JSON.stringify(index)} is not the index of a rule`, `${RULE_ANNOTATION}0 is of the first`);
  }
  return {
    ofRule: (index) => (own.has(index) ? own.get(index) : common),
    all: [
      ...(common ? [{ reservation: common }] : []),
      ...[...own].flatMap(([index, reservation]) => (reservation ? [{ reservation, index }] : [])),
    ],
    isWhole,
  };
}

const NUMBER = /^\d{1,9}$/;

type Unnamed<T> = T extends unknown ? Omit<T, 'annotation'> : never;

/** A text: why it cannot be used. */
function readReservation(text: string, output: number): Unnamed<Reservation> | string {
  if (text === 'prompt') return { kind: 'estimate' };
  if (text === 'max_tokens') return { kind: 'estimate', output };
  if (NUMBER.test(text)) return { kind: 'number', number: Number(text) };
  const compiled = compileCost(text);
  return compiled.ok ? { kind: 'estimate', output, expression: text } : compiled.message;
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
  const key = response.kind === 'metadata' && response.metadata.namespace === COST_NAMESPACE && response.metadata.key;
  const cost = costs.find(({ metadataKey }) => metadataKey === key);
  return estimateOf(reservation, cost?.value ?? { kind: 'count', count: 'total' });
}

/** A reservation in the unit of a cost. */
export function estimateOf(reservation: Reservation, cost: CostIr['value']): ReserveIr {
  if (reservation.kind === 'number') return { kind: 'number', number: reservation.number };
  const { output, expression } = reservation;
  return {
    kind: 'estimate',
    cost: expression === undefined ? cost : { kind: 'cel', expression },
    ...(output !== undefined && { output }),
  };
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
