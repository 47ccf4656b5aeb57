/**
 * One xDS stream. It is driven by level, not by events: at each occasion (a request, a new snapshot, an answer) it holds
 * what the client knows of each type against what it shall know, and sends what is missing. At most one response of a
 * type is unanswered at a time, so that changes in between melt into one, and a client that does not read costs nothing.
 * One piece, for what is sent, awaited and given up of one type decides about the others.
 */
import { heldNames, noteAsked, stillAwaits } from './awaited.ts';
import { type Diffs, emptyType, type Known } from './diff.ts';
import type { Rejection, TypeStatus } from './ledger.ts';
import { NO_NAMES } from './names.ts';
import { giveUp, markBeats, shortestTtl, waitingSince } from './patience.ts';
import { abandonProbes, takeProbe } from './probes.ts';
import { type Held, runsWhatItHad, usersHaveCome, withoutRejected } from './removals.ts';
import type { ResponseQuery, Responses, SharedResponse, Variant } from './responses.ts';
import type { Snapshot, TypeSnapshot } from './snapshot.ts';
import { type ResourceStatus, resourceStatuses, type StreamView, streamStatus } from './stream-status.ts';
import { type Subscription, type Subscriptions, subscribedPart } from './subscription.ts';
import type { Transport } from './transport.ts';
import { carry, createTypeState, forgetRejected, noteCertain, type Outstanding, type TypeState } from './type-state.ts';
import { isSupply, isWarmedBy, outlivesItsUsers, TYPE, usesSupply } from './types.ts';

/** What all streams of a server share. */
export interface StreamShared {
  readonly subscriptions: Subscriptions;
  readonly responses: Responses;
  readonly diffs: Diffs;
  /** How long a silent client holds up what depends on its answer. */
  readonly ackTimeoutMs: number;
  /** How long an Envoy that comes back may take until it asks for its clusters. */
  readonly warmingMs: number;
  /** A response was answered, however. */
  onAnswer(stream: XdsStream, typeUrl: string, sent: Outstanding): void;
  /** A response was accepted, or a part of one that was rejected. */
  onAccepted(stream: XdsStream, sent: Outstanding): void;
  onAck(stream: XdsStream, typeUrl: string, version: string): void;
  onNack(stream: XdsStream, typeUrl: string, rejection: Rejection, sent: Outstanding): void;
  /** The client says what it holds of a type from an earlier stream; SotW clients whose version is old name nothing. */
  onReturn(stream: XdsStream, typeUrl: string, known: Known | undefined): void;
  /** The client has not answered for these types, or not asked for what it was told to need, and the time is over. */
  onSilence(stream: XdsStream, typeUrls: readonly string[]): void;
  onSend(stream: XdsStream, typeUrl: string, response: SharedResponse): void;
  /** Something went wrong on a stream outside of any request. */
  onFailure(stream: XdsStream, caught: unknown): void;
  /** What the node was given on an earlier stream that has the same client. */
  heldBefore(stream: XdsStream): Held | undefined;
  /** The streams of other types, where a node has one stream a type: the newest of each. */
  siblings(stream: XdsStream): readonly XdsStream[];
}

export class XdsStream {
  readonly id: number;
  readonly variant: Variant;
  readonly transport: Transport;
  /** Type of a per-type service; undefined on ADS. */
  readonly fixedType: string | undefined;
  readonly shared: StreamShared;
  private readonly states: TypeState[] = [];
  private goal: Snapshot | undefined;
  // What is being sent: `goal`, or before that a bridge to it which still holds what `goal` removes.
  private serving: Snapshot | undefined;
  // What removals, not yet accepted, began from.
  private taken: Snapshot | undefined;
  private nonces = 0;
  private heldBack = false;
  // The client holds something from an earlier stream, and may not have asked yet for all that names it.
  private arriving = false;
  private returned = false;
  private readonly openedAt = performance.now();
  private waits = { forSupply: false, atAll: false };
  private pumping = false;
  private timer: NodeJS.Timeout | undefined;
  private beatTimer: NodeJS.Timeout | undefined;
  /** The client knows what a time to live is. */
  withTtl = false;
  /** The client asks for no clusters on this stream while one that it has is warming, as Envoy does on ADS. */
  pausesClusters = false;

  constructor(id: number, variant: Variant, fixedType: string | undefined, transport: Transport, shared: StreamShared) {
    this.id = id;
    this.variant = variant;
    this.fixedType = fixedType;
    this.transport = transport;
    this.shared = shared;
  }

  /** The state of a type, created at first use. */
  state(typeUrl: string): TypeState {
    const found = this.states.find((state) => state.typeUrl === typeUrl);
    if (found !== undefined) return found;
    const created = createTypeState(typeUrl);
    this.states.push(created);
    this.states.sort((a, b) => a.order - b.order);
    return created;
  }

  get typeCount(): number {
    return this.states.length;
  }

  /** The client says that it comes back with something from an earlier stream. */
  arrive(): void {
    this.returned = true;
    if (performance.now() - this.openedAt < this.shared.ackTimeoutMs) this.arriving = true;
  }

  /** Sets what the client shall have; undefined holds the stream: it keeps what it has and gets no answers. */
  setGoal(goal: Snapshot | undefined): void {
    if (goal === this.goal) return;
    this.goal = goal;
    if (goal === undefined) return;
    const given = this.serving ?? this.heldBefore()?.snapshot;
    const before = given && this.variant === 'sotw' ? withoutRejected(given, this.states) : given;
    this.serving = before === undefined ? goal : this.shared.diffs.bridge(before, goal);
  }

  /** What the client has, as far as it has not accepted that something of it is taken away. */
  get held(): Held | undefined {
    const snapshot = this.taken ?? this.serving;
    return snapshot && { snapshot, unsettled: this.waits.atAll };
  }

  /** What an earlier stream gave the client; undefined when it does not come back from one. */
  heldBefore(): Held | undefined {
    return this.arriving ? this.shared.heldBefore(this) : undefined;
  }

  /** The client may be waiting for what it had asked for on an earlier stream, though it has it already. */
  mayBeWarming(typeUrl: string): boolean {
    if (typeUrl === TYPE.endpoints && this.hidesClusters) return true;
    return (isWarmedBy(typeUrl) || typeUrl === TYPE.secret) && this.heldBefore()?.unsettled === true;
  }

  /**
   * The client came back while one of its clusters was warming. It asks for clusters when that one is warm or given up;
   * until then nobody knows which it has, and nothing may be sent that names one.
   */
  private get hidesClusters(): boolean {
    if (!this.returned || !this.pausesClusters || this.fixedType !== undefined) return false;
    return !this.asksFor(TYPE.cluster) && performance.now() - this.openedAt < this.shared.warmingMs;
  }

  private lacksClusters(goal: Snapshot | undefined): boolean {
    return this.hidesClusters && (goal?.types.get(TYPE.cluster)?.resources.size ?? 0) > 0;
  }

  close(): void {
    this.goal = undefined;
    clearTimeout(this.timer);
    clearTimeout(this.beatTimer);
  }

  /** A response was rejected: whether the client needs what it names is unknown. */
  doubt(source: SharedResponse): void {
    for (const { awaited } of this.states) {
      for (const entry of awaited) if (entry.source === source) entry.doubtful = true;
    }
  }

  /** Sends what can be sent now. */
  pump(): void {
    if (this.goal === undefined || this.pumping) return;
    this.pumping = true;
    const before = this.waits;
    try {
      this.advance(this.goal);
    } finally {
      this.pumping = false;
    }
    if (
      this.fixedType === undefined ||
      (before.atAll === this.waits.atAll && before.forSupply === this.waits.forSupply)
    )
      return;
    for (const sibling of this.shared.siblings(this)) sibling.pumpAlone();
  }

  /**
   * In SotW an Envoy waits for all that it has ever asked for, up to 30 s for endpoints and secrets that are gone, unless
   * its clusters come first: it takes them unasked, and drops what it is warming in vain.
   */
  private offerHiddenClusters(goal: Snapshot): void {
    if (this.variant !== 'sotw' || !this.lacksClusters(goal)) return;
    const state = this.state(TYPE.cluster);
    state.subscription = this.shared.subscriptions.sotw(undefined, NO_NAMES).next;
    state.owed = true;
  }

  private advance(goal: Snapshot): void {
    this.heldBack = false;
    this.offerHiddenClusters(goal);
    let waiting = this.offerAll();
    if (!waiting && (this.serving !== goal || this.arriving) && this.mayRemove(goal)) {
      // Everything that stopped using what is removed is accepted: now the removals.
      this.taken = this.serving;
      this.serving = goal;
      this.arriving = false;
      waiting = this.offerAll();
    }
    if (!waiting) this.taken = undefined;
    this.scheduleBeat();
    const unfinished = this.serving !== goal || this.arriving;
    this.watch(waiting ? this.heldBack || unfinished : this.arriving);
  }

  private mayRemove(goal: Snapshot): boolean {
    const siblings = this.siblings();
    if (siblings.some((sibling) => sibling.waits.atAll)) return false;
    if (runsWhatItHad(this.states, this.goal, this.serving)) return false;
    const streams = [this, ...siblings];
    return !this.arriving || usersHaveCome(goal, (typeUrl) => streams.some((stream) => stream.asksFor(typeUrl)));
  }

  private siblings(): readonly XdsStream[] {
    return this.fixedType === undefined ? [] : this.shared.siblings(this);
  }

  private asksFor(typeUrl: string): boolean {
    return this.states.some((state) => state.typeUrl === typeUrl && state.subscription !== undefined);
  }

  /**
   * In order of dependency. What uses clusters waits for the answers to these, even where the client asks for it: an
   * answer is of the newest revision, and may name a cluster that is still to come. All else follows at once, for a
   * changed cluster is not acknowledged before its assignment came behind it. Returns whether any answer is missing.
   */
  private offerAll(): boolean {
    let supplyWaits = this.lacksClusters(this.goal) || this.siblings().some((sibling) => sibling.waits.forSupply);
    let waiting = false;
    let ownSupplyWaits = false;
    // Sending may add states (of awaited types): not to this walk.
    for (const state of [...this.states]) {
      const supply = isSupply(state.typeUrl);
      const waits = this.offer(state, supplyWaits && usesSupply(state.typeUrl));
      ownSupplyWaits ||= waits && supply;
      supplyWaits ||= ownSupplyWaits;
      waiting ||= waits;
    }
    this.waits = { forSupply: ownSupplyWaits, atAll: waiting };
    return waiting;
  }

  private offer(state: TypeState, gateClosed: boolean): boolean {
    const { subscription } = state;
    if (subscription === undefined || this.serving === undefined) return this.awaits(state);
    const to = this.serving.types.get(state.typeUrl) ?? emptyType(state.typeUrl);
    const direct = state.asked.length > 0 || state.owed;
    noteAsked(state, this.shared.subscriptions);
    if (state.outstanding?.overdue === false) {
      if (direct || state.known.version !== to.version) this.heldBack = true;
      return true;
    }
    if (state.claim !== undefined) {
      const same = state.claim === this.shared.responses.version(this.variant, subscription, to);
      const current = same && !this.mayBeWarming(state.typeUrl);
      if (current) Object.assign(state, { known: to, asked: [], owed: false });
      this.shared.onReturn(this, state.typeUrl, current ? subscribedPart(to, subscription) : undefined);
      state.claim = undefined;
    }
    const again = heldNames(state, subscription, this.shared.subscriptions);
    const asked = state.asked.length > 0 || state.owed;
    const news = asked || again.length > 0 || state.known.version !== to.version;
    if (!news && state.probes.length === 0) return this.beat(state, subscription, to) || this.awaits(state);
    if (gateClosed) {
      this.heldBack = true;
      return true;
    }
    if (!news) return this.probe(state, subscription, to) || this.awaits(state);
    abandonProbes(state);
    // Whether the client took a response that is given up here is unknown: what that spoke of goes along.
    if (state.outstanding !== undefined) {
      noteCertain(state, state.outstanding.before);
      carry(state, state.outstanding.response.names);
    }
    // Only a client that comes back has names that no snapshot of ours holds.
    const keepRemoved = this.arriving && this.variant === 'delta' && outlivesItsUsers(state.typeUrl);
    const asks = { asked: [...state.asked, ...again], carried: state.carried, owed: state.owed, keepRemoved };
    const response = this.respond(state, subscription, to, asks);
    const before = state.known;
    state.known = keepRemoved ? this.shared.diffs.keeping(before, to) : to;
    state.asked = [];
    state.owed = false;
    for (const entry of state.awaited) entry.resent = true;
    if (response === undefined) {
      forgetRejected(state, to);
      return this.awaits(state);
    }
    this.send(state, response, { to, before, probe: false });
    return true;
  }

  private respond(
    { known }: TypeState,
    subscription: Subscription,
    to: TypeSnapshot,
    asks: Pick<ResponseQuery, 'asked' | 'carried' | 'owed' | 'keepRemoved'>,
  ): SharedResponse | undefined {
    const { variant, withTtl } = this;
    return this.shared.responses.get({ variant, subscription, known, to, withTtl, ...asks });
  }

  /** Sends a part of a rejected response alone. */
  private probe(state: TypeState, subscription: Subscription, to: TypeSnapshot): boolean {
    for (let part = takeProbe(state); part !== undefined; part = takeProbe(state)) {
      const asks = { asked: [part], carried: [], owed: false, keepRemoved: false };
      const response = this.respond(state, subscription, to, asks);
      if (response === undefined) continue;
      this.send(state, response, { to, before: state.certain, probe: true });
      return true;
    }
    return false;
  }

  /** Says that what would expire is still the same, when it is time for that. */
  private beat(state: TypeState, subscription: Subscription, to: TypeSnapshot): boolean {
    if (!state.beatDue) return false;
    state.beatDue = false;
    const response = this.shared.responses.beat({ variant: this.variant, subscription, to });
    if (response === undefined) return false;
    this.send(state, response, { to, before: state.known, probe: false });
    return true;
  }

  private send(state: TypeState, response: SharedResponse, step: Pick<Outstanding, 'to' | 'before' | 'probe'>): void {
    const sentAt = performance.now();
    this.nonces += 1;
    state.nonce = String(this.nonces);
    state.sent = response.version;
    state.outstanding = { nonce: state.nonce, response, sentAt, ...step, overdue: false };
    state.beatDue = false;
    this.transport.send(response.body, state.nonce);
    this.shared.onSend(this, state.typeUrl, response);
    // On a stream of its own a type may overtake another: what waits for its resources is told when this is accepted.
    if (this.fixedType === undefined) this.needs(response);
  }

  /** The client needs what a response names, and what it holds already of that it needs again. */
  needs(response: SharedResponse): void {
    const since = performance.now();
    for (const [typeUrl, set] of response.requires) {
      const carrier = this.fixedType === undefined ? this : this.siblings().find((one) => one.fixedType === typeUrl);
      carrier?.state(typeUrl).awaited.push({ set, since, source: response, resent: false, doubtful: false });
    }
    for (const sibling of this.siblings()) sibling.pumpAlone();
  }

  private awaits(state: TypeState): boolean {
    const waits = stillAwaits(state, this.shared.subscriptions);
    if (waits) this.heldBack = true;
    return waits;
  }

  /** Half of the shortest time to live from now, everything that expires is spoken of again. */
  private scheduleBeat(): void {
    if (!this.withTtl || this.beatTimer !== undefined) return;
    const ttlMs = shortestTtl(this.states, this.serving);
    if (ttlMs === undefined) return;
    this.beatTimer = setTimeout(() => {
      this.beatTimer = undefined;
      markBeats(this.states, this.serving);
      this.pumpAlone();
    }, ttlMs / 2);
    this.beatTimer.unref();
  }

  /** While something waits for the client, looks again when its time is up. */
  private watch(needed: boolean): void {
    if (!needed) {
      clearTimeout(this.timer);
      this.timer = undefined;
      return;
    }
    if (this.timer !== undefined) return;
    const { ackTimeoutMs, warmingMs } = this.shared;
    const due = waitingSince(this.states).map((since) => since + ackTimeoutMs);
    if (this.arriving) due.push(this.openedAt + (this.hidesClusters ? warmingMs : ackTimeoutMs));
    const left = Math.min(...due) - performance.now();
    // What is over time already waits for a client that does not read.
    this.timer = setTimeout(() => this.giveUpWaiting(), left > 0 && Number.isFinite(left) ? left : ackTimeoutMs);
    this.timer.unref();
  }

  private giveUpWaiting(): void {
    this.timer = undefined;
    const limit = performance.now() - this.shared.ackTimeoutMs + 1;
    if (this.openedAt <= limit && !this.hidesClusters) this.arriving = false;
    const silent = giveUp(this.states, limit, this.transport.idle);
    if (silent.length > 0) this.shared.onSilence(this, silent);
    this.pumpAlone();
  }

  /** Where nobody else would take what goes wrong: it ends this stream, and no other. */
  private pumpAlone(): void {
    try {
      this.pump();
    } catch (caught) {
      this.shared.onFailure(this, caught);
    }
  }

  /** The ledger entries of this stream. */
  status(): TypeStatus[] {
    const types = streamStatus(this.view());
    if (!this.lacksClusters(this.goal)) return types;
    const wanted = this.goal?.types.get(TYPE.cluster)?.version ?? '';
    const { id: streamId, variant } = this;
    return [{ streamId, variant, typeUrl: TYPE.cluster, wanted, rejected: [], synced: false }, ...types];
  }

  /** The same, resource by resource. */
  resources(): ResourceStatus[] {
    return resourceStatuses(this.view());
  }

  private view(): StreamView {
    const { id, variant, states, goal } = this;
    return { id, variant, states, goal, responses: this.shared.responses };
  }
}
