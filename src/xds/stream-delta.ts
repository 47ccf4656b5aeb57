/** What a delta request means: changes of the subscription, an answer, or both. */
import { settle } from './answers.ts';
import { NOTHING_KNOWN } from './diff.ts';
import type { XdsStream } from './stream.ts';
import type { TypeState } from './type-state.ts';
import { hasWildcard } from './types.ts';
import type { DeltaRequest } from './wire.ts';

/** Applies a request to the state of its type. A stale nonce answers nothing, but the subscription changes count. */
export function applyDeltaRequest(stream: XdsStream, state: TypeState, request: DeltaRequest): void {
  const { subscriptions, diffs } = stream.shared;
  const first = state.subscription === undefined;
  const returns = first && request.initialVersions.count > 0;
  if (!first) settle(stream, state, request.nonce, request.error);
  if (returns) {
    const known = diffs.known(request.initialVersions);
    state.known = known;
    stream.arrive();
    stream.shared.onReturn(stream, state.typeUrl, known);
  }
  if (first && request.subscribe.count === 0 && !hasWildcard(state.typeUrl)) {
    // It asks for nothing yet, or for what it holds already.
    state.subscription = subscriptions.exactly(state.known.resources.keys());
    state.owed = !returns;
    return;
  }
  const change = subscriptions.delta(state.subscription, request.subscribe, request.unsubscribe);
  state.subscription = change.next;
  if (returns) {
    // What it holds is compared by version; only of the rest it has to hear in any case.
    const { asked } = change;
    const all = stream.mayBeWarming(state.typeUrl);
    const rest = asked === undefined || all ? asked : subscriptions.unknown(state.known, asked);
    if (rest !== undefined && rest.names.size > 0) state.asked.push(rest);
    return;
  }
  if (change.startsWildcard) {
    state.known = NOTHING_KNOWN;
    state.owed = true;
  }
  if (change.asked !== undefined) state.asked.push(change.asked);
}
