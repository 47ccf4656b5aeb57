import type { ObjectSet } from '../resources/index.ts';
import type { ReadResult } from './read.ts';

/** Something that objects come from, again and again. */
export interface Source {
  /** Reads for the first time and begins to watch. A refused first revision is a result too: later ones may be better. */
  start(): Promise<ReadResult>;
  /** The latest result; changes of places and warnings alone show here without an event. */
  readonly current: ReadResult | undefined;
  /** The latest revision that was not refused. */
  readonly lastGood: ObjectSet | undefined;
  /** Calls the listener once for every change: another revision, a refusal, a recovery. Returns how to stop. */
  onChange(listener: (result: ReadResult) => void): () => void;
  /** Reads now, whether or not a change was seen (SIGHUP). */
  reload(): Promise<ReadResult>;
  close(): Promise<void>;
}
