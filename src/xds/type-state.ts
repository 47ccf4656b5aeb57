/** What a stream knows of one type: the subscription, what the client was told, what is on its way. */
import { type Known, NOTHING_KNOWN } from './diff.ts';
import type { RejectedResource, Rejection } from './ledger.ts';
import { createNameSet, type NameSet } from './names.ts';
import type { SharedResponse } from './responses.ts';
import type { TypeSnapshot } from './snapshot.ts';
import type { Subscription } from './subscription.ts';
import { typeOrder } from './types.ts';

export interface Outstanding {
  readonly nonce: string;
  readonly response: SharedResponse;
  /** What it was made of. */
  readonly to: TypeSnapshot;
  readonly sentAt: number;
  /** What the client had before. */
  readonly before: Known;
  /** A part of a rejected response, sent alone. */
  readonly probe: boolean;
  /** Unanswered for too long: nothing waits for it any more. */
  overdue: boolean;
}

export interface Awaited {
  readonly set: NameSet;
  readonly since: number;
  /** The response that needs the names. */
  readonly source: SharedResponse;
  /** What the client held already of it was sent again. */
  resent: boolean;
  /** The response was rejected: the client may never ask for the names. */
  doubtful: boolean;
}

/** State of one type on one stream. */
export interface TypeState {
  readonly typeUrl: string;
  readonly order: number;
  /** Undefined until the client asks for the type. */
  subscription: Subscription | undefined;
  /** What the client was last told. */
  known: Known;
  /** Names that it asked for and that the next answer must speak of. */
  asked: NameSet[];
  /** Good company of something rejected: goes along with the next response, since the client may have dropped it. */
  carried: NameSet[];
  /** Names that something sent before needs: until the client has them, types further down wait. */
  awaited: Awaited[];
  /** A first answer is owed, even an empty one. */
  owed: boolean;
  /** What expires has to be spoken of again. */
  beatDue: boolean;
  /** SotW: the version that the client says it has from an earlier stream. */
  claim: string | undefined;
  outstanding: Outstanding | undefined;
  /** Last nonce sent. */
  nonce: string;
  sent: string | undefined;
  acked: string | undefined;
  rejection: Rejection | undefined;
  /** By name: what the client rejected and has not accepted otherwise since. */
  readonly rejected: Map<string, RejectedResource>;
  /** Parts of a rejected response that are to be sent alone, and how many more may be. */
  probes: NameSet[];
  probesLeft: number;
  /** What the client had for certain, before what is carried or sent in parts. */
  certain: Known;
}

/** The state of a type that the client has not asked for yet. */
export function createTypeState(typeUrl: string): TypeState {
  return {
    typeUrl,
    order: typeOrder(typeUrl),
    subscription: undefined,
    known: NOTHING_KNOWN,
    asked: [],
    carried: [],
    awaited: [],
    owed: false,
    beatDue: false,
    claim: undefined,
    outstanding: undefined,
    nonce: '',
    sent: undefined,
    acked: undefined,
    rejection: undefined,
    rejected: new Map(),
    probes: [],
    probesLeft: 0,
    certain: NOTHING_KNOWN,
  };
}

/** Nothing is owed, on its way or rejected. */
export function isSettled(state: TypeState): boolean {
  return (
    state.outstanding === undefined && !state.owed && state.asked.length === 0 && state.rejection?.standing !== true
  );
}

/** Lets names go along with the next response. */
export function carry(state: TypeState, set: NameSet): void {
  if (set.names.size === 0) return;
  const [carried] = state.carried;
  state.carried = [carried === undefined ? set : createNameSet([...carried.names, ...set.names])];
}

/** What the client rejected and shall not have any more is no rejection any more. */
export function forgetRejected(state: TypeState, to: TypeSnapshot): void {
  if (state.rejected.size === 0) return;
  for (const { name, version } of state.rejected.values()) {
    if (to.resources.get(name)?.version !== version) state.rejected.delete(name);
  }
  if (state.rejected.size === 0 && state.rejection !== undefined) {
    state.rejection = { ...state.rejection, standing: false };
  }
}

/** Notes what the client had before a response whose fate is unknown, unless an earlier one is unsettled too. */
export function noteCertain(state: TypeState, before: Known): void {
  if (state.carried.length === 0 && state.probes.length === 0) state.certain = before;
}
