/**
 * Last accepted: what proxies rejected is kept away from all proxies of the same key, those that connect later included.
 * They get the last form of it that some proxy accepted, or nothing where there is none, until the snapshot has another.
 */
import type { Known } from './diff.ts';
import type { Rejection } from './ledger.ts';
import type { EncodedResource, Snapshot } from './snapshot.ts';
import {
  type Answered,
  acceptedOf,
  createVerdicts,
  forgiveChanged,
  noteAccepted,
  noteRejected,
  noteReturned,
  type RejectedForm,
  rejectedForms,
  serveable,
  takeOver,
  type Verdicts,
  type Withheld,
  withheldOf,
} from './verdicts.ts';

export interface Acceptance {
  /** Takes a snapshot over and publishes what of it may be served. */
  set(key: string, snapshot: Snapshot): void;
  delete(key: string): void;
  accept(key: string, answered: Answered): void;
  reject(key: string, nodeId: string, answered: Answered, rejection: Rejection): void;
  /** A client came back with this of a type; `known` is undefined where it says no names. */
  returned(key: string, typeUrl: string, known: Known | undefined): void;
  withheld(): Withheld[];
  /** The same of one key, in the form that was rejected. */
  rejectedOf(key: string): RejectedForm[];
  /** Gives all that is withheld another chance. */
  forgive(): void;
  /** What of a snapshot of a key some proxy accepted. */
  acceptedOf(key: string, snapshot: Snapshot): EncodedResource[];
  /** Begins a key with a snapshot of which some was accepted before this process. */
  restore(key: string, snapshot: Snapshot, accepted: Iterable<{ typeUrl: string; resource: EncodedResource }>): void;
  close(): void;
}

export interface AcceptanceOptions {
  readonly publish: (key: string, snapshot: Snapshot) => void;
  /** What is withheld has changed. */
  readonly onChange: () => void;
  /**
   * Between a rejection and its effect: where other proxies accept the same, it stands for the one that rejects it alone,
   * and their answers are on the way.
   */
  readonly settleMs: number;
}

interface Entry {
  readonly verdicts: Verdicts;
  timer: NodeJS.Timeout | undefined;
}

export function createAcceptance(options: AcceptanceOptions): Acceptance {
  const entries = new Map<string, Entry>();

  function settle(key: string, entry: Entry): void {
    clearTimeout(entry.timer);
    entry.timer = undefined;
    options.publish(key, serveable(entry.verdicts));
    options.onChange();
  }

  function schedule(key: string, entry: Entry): void {
    if (entry.timer !== undefined) return;
    entry.timer = setTimeout(() => settle(key, entry), options.settleMs);
    entry.timer.unref();
  }

  return {
    set(key, snapshot) {
      const entry = entries.get(key) ?? { verdicts: createVerdicts(snapshot), timer: undefined };
      entries.set(key, entry);
      const { verdicts } = entry;
      if (verdicts.wanted !== snapshot) takeOver(verdicts, snapshot);
      const hadSuspects = verdicts.suspects.size > 0;
      forgiveChanged(verdicts);
      if (hadSuspects) settle(key, entry);
      else options.publish(key, snapshot);
    },
    delete(key) {
      clearTimeout(entries.get(key)?.timer);
      entries.delete(key);
    },
    accept(key, answered) {
      const entry = entries.get(key);
      if (entry !== undefined && noteAccepted(entry.verdicts, answered)) schedule(key, entry);
    },
    reject(key, nodeId, answered, rejection) {
      const entry = entries.get(key);
      // Which of them it is about is being looked for.
      if (entry === undefined || rejection.searching) return;
      if (noteRejected(entry.verdicts, nodeId, answered, rejection)) schedule(key, entry);
    },
    returned(key, typeUrl, known) {
      const entry = entries.get(key);
      if (entry !== undefined) noteReturned(entry.verdicts, typeUrl, known);
    },
    withheld: () => [...entries].flatMap(([key, { verdicts }]) => withheldOf(key, verdicts)),
    rejectedOf(key) {
      const entry = entries.get(key);
      return entry === undefined ? [] : rejectedForms(entry.verdicts);
    },
    forgive() {
      for (const [key, entry] of entries) {
        if (entry.verdicts.suspects.size === 0) continue;
        entry.verdicts.suspects.clear();
        settle(key, entry);
      }
    },
    acceptedOf(key, snapshot) {
      const entry = entries.get(key);
      return entry === undefined ? [] : acceptedOf(entry.verdicts, snapshot);
    },
    restore: (key, snapshot, accepted) =>
      void entries.set(key, { verdicts: createVerdicts(snapshot, accepted), timer: undefined }),
    close() {
      for (const { timer } of entries.values()) clearTimeout(timer);
      entries.clear();
    },
  };
}
