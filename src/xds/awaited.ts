/** Names that something sent before makes a client wait for: they go out again, or hold up what depends on them. */
import type { NameSet } from './names.ts';
import type { Subscription, Subscriptions } from './subscription.ts';
import type { TypeState } from './type-state.ts';
import { isWarmedBy } from './types.ts';

/** Names that the client holds and must get again. */
export function heldNames(state: TypeState, subscription: Subscription, subscriptions: Subscriptions): NameSet[] {
  if (state.awaited.length === 0 || !isWarmedBy(state.typeUrl)) return [];
  return state.awaited
    .filter((entry) => !entry.resent)
    .map((entry) => subscriptions.held(subscription, state.known, entry.set))
    .filter((set) => set.names.size > 0);
}

/** Whether the client has yet to ask for names that it needs. Forgets those that it has asked for. */
export function stillAwaits(state: TypeState, subscriptions: Subscriptions): boolean {
  if (state.awaited.length === 0) return false;
  const { subscription } = state;
  state.awaited = state.awaited.filter(({ set, doubtful }) => {
    if (doubtful) return false;
    return subscription === undefined || !subscriptions.covers(subscription, set);
  });
  return state.awaited.length > 0;
}

/** Forgets names that the client has asked for, where nothing goes out again: it may drop them before it is looked at next. */
export function noteAsked(state: TypeState, subscriptions: Subscriptions): void {
  const { subscription } = state;
  if (state.awaited.length === 0 || subscription === undefined) return;
  const goesOutAgain = isWarmedBy(state.typeUrl);
  state.awaited = state.awaited.filter(
    ({ set, resent }) => (goesOutAgain && !resent) || !subscriptions.covers(subscription, set),
  );
}
