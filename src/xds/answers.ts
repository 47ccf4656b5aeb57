/**
 * What the answer of a client means. A rejection is brought down to the resources it is about: by the names in its
 * message, or, where it names none, by sending parts of the response alone, halved until one resource is left. What was
 * in the company of a rejected resource is sent again without it, since the client may have dropped all of the response.
 * In SotW an answer of a full-state type cannot be sent in parts: there the message alone decides.
 */
import { blamedResources, type Rejection } from './ledger.ts';
import { createNameSet } from './names.ts';
import { halves, MAX_PROBES } from './probes.ts';
import { secretsOf, showableMessage } from './showable.ts';
import type { XdsStream } from './stream.ts';
import { carry, noteCertain, type Outstanding, type TypeState } from './type-state.ts';
import { isFullState } from './types.ts';
import type { RejectionDetail } from './wire.ts';

/** Takes an answer of the client. Answers to anything but the last response of the type do not count. */
export function settle(stream: XdsStream, state: TypeState, nonce: string, error: RejectionDetail | undefined): void {
  const sent = state.outstanding;
  if (sent === undefined || sent.nonce !== nonce) return;
  state.outstanding = undefined;
  stream.shared.onAnswer(stream, state.typeUrl, sent);
  if (error === undefined) accept(stream, state, sent);
  else reject(stream, state, sent, error);
}

function accept(stream: XdsStream, state: TypeState, sent: Outstanding): void {
  const { response, probe } = sent;
  stream.shared.onAccepted(stream, sent);
  for (const name of state.rejected.keys()) if (response.names.names.has(name)) state.rejected.delete(name);
  if (stream.fixedType !== undefined) stream.needs(response);
  if (!probe) state.carried = [];
  if (state.rejection?.standing === true && state.probes.length === 0 && state.rejected.size === 0) {
    // Parts that stayed without a verdict are carried, and go out with the next response.
    const { searching: _over, ...rejection } = state.rejection;
    state.rejection = { ...rejection, standing: state.carried.length > 0 };
  }
  if (state.rejection?.standing === true && probe) return;
  state.acked = response.version;
  stream.shared.onAck(stream, state.typeUrl, response.version);
}

/** Beyond so many, secrets are looked for only in what a rejection names: each takes some ten microseconds to read. */
const MAX_EXAMINED = 1000;

function reject(stream: XdsStream, state: TypeState, sent: Outstanding, error: RejectionDetail): void {
  stream.doubt(sent.response);
  const { names, version } = sent.response;
  const time = new Date().toISOString();
  const blamed = new Set(blamedResources(names, error.message));
  const isLarge = names.names.size > MAX_EXAMINED && blamed.size > 0;
  const message = showableMessage(error.message, secretsOf(sent.to, isLarge ? blamed : names.names));
  for (const name of blamed) noteRejected(state, sent, name, message, time);
  const rest = sortOut(stream, state, sent, blamed);
  const searching = blamed.size === 0 && rest === 'sent in parts';
  // The halves of a rejected response say nothing new until one of them is a single resource.
  if (sent.probe && searching) return;
  const rejection: Rejection = {
    version,
    code: error.code,
    message,
    time,
    count: (state.rejection?.count ?? 0) + 1,
    resources: [...blamed],
    standing: true,
    ...(searching ? { searching } : {}),
  };
  state.rejection = rejection;
  stream.shared.onNack(stream, state.typeUrl, rejection, sent);
}

function noteRejected(state: TypeState, sent: Outstanding, name: string, message: string, time: string): void {
  const earlier = state.rejected.get(name);
  // What was rejected before is not what runs now.
  const accepted = earlier === undefined ? sent.before.resources.get(name)?.version : earlier.accepted;
  state.rejected.set(name, {
    name,
    version: sent.to.resources.get(name)?.version ?? '',
    message,
    time,
    count: (earlier?.count ?? 0) + 1,
    ...(accepted === undefined ? {} : { accepted }),
  });
}

/** Decides when what is not to blame, or not yet, is sent again. */
function sortOut(
  stream: XdsStream,
  state: TypeState,
  { response: { names }, before, probe }: Outstanding,
  blamed: ReadonlySet<string>,
): 'sent in parts' | 'carried' {
  const rest = createNameSet([...names.names].filter((name) => !blamed.has(name)));
  if (!probe) {
    noteCertain(state, before);
    state.probesLeft = MAX_PROBES;
  }
  const inParts = stream.variant === 'delta' || !isFullState(state.typeUrl);
  const parts = blamed.size > 0 ? [rest] : halves(rest);
  if (!inParts || state.probesLeft < state.probes.length + parts.length) {
    for (const set of [rest, ...state.probes]) carry(state, set);
    state.probes = [];
    return 'carried';
  }
  state.probes.unshift(...parts.filter((part) => part.names.size > 0));
  return 'sent in parts';
}
