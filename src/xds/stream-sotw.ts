/** What a SotW request means: each one repeats the whole subscription and answers the last response of its type. */
import { settle } from './answers.ts';
import { NOTHING_KNOWN } from './diff.ts';
import type { XdsStream } from './stream.ts';
import type { TypeState } from './type-state.ts';
import type { SotwRequest } from './wire.ts';

/** Applies a request to the state of its type. Requests with a stale nonce say nothing. */
export function applySotwRequest(stream: XdsStream, state: TypeState, request: SotwRequest): void {
  const first = state.subscription === undefined;
  // Before anything was sent there is no nonce to compare; a nonce may be left over from an earlier stream.
  if (state.nonce !== '' && request.nonce !== state.nonce) return;
  if (!first) settle(stream, state, request.nonce, request.error);
  const change = stream.shared.subscriptions.sotw(state.subscription, request.names);
  state.subscription = change.next;
  if (change.startsWildcard) {
    state.known = NOTHING_KNOWN;
    state.owed = true;
  }
  if (change.asked !== undefined) state.asked.push(change.asked);
  if (first && request.versionInfo !== '') {
    state.claim = request.versionInfo;
    stream.arrive();
  }
}
