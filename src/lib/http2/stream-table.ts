import type { Stream } from './streams.ts';

const LEAST = 64;

/**
 * The open streams of a connection by their ids. Not a Map: one whose entries come and go allocates tables all the time, and V8
 * has each hold the next one and the streams that were in it, until all of the heap is searched. Ids grow by two, so nearly
 * every stream stands at its own place.
 */
export class StreamTable {
  /** Open addressing; at most half full, and an eighth at least. Shape: a power of two. */
  private slots: (Stream | undefined)[] = new Array<Stream | undefined>(LEAST).fill(undefined);
  private count = 0;

  get size(): number {
    return this.count;
  }

  get(id: number): Stream | undefined {
    return this.slots[this.placeOf(id)];
  }

  /** Adds a stream whose id is not there. */
  add(stream: Stream): void {
    if (2 * this.count >= this.slots.length) this.resize(2 * this.slots.length);
    this.slots[this.placeOf(stream.id)] = stream;
    this.count += 1;
  }

  /** Returns whether it was there. */
  delete(id: number): boolean {
    const { slots } = this;
    let gap = this.placeOf(id);
    if (slots[gap] === undefined) return false;
    this.count -= 1;
    // Those that stand behind it because their own place was taken move up.
    for (let at = this.next(gap), one = slots[at]; one !== undefined; at = this.next(at), one = slots[at]) {
      if (this.distance(this.homeOf(one.id), at) < this.distance(gap, at)) continue;
      slots[gap] = one;
      gap = at;
    }
    slots[gap] = undefined;
    if (slots.length > LEAST && 8 * this.count < slots.length) this.resize(slots.length / 2);
    return true;
  }

  clear(): void {
    this.slots = new Array<Stream | undefined>(LEAST).fill(undefined);
    this.count = 0;
  }

  /** A list of its own: streams may end while it is gone through. */
  all(): Stream[] {
    return this.slots.filter((one) => one !== undefined);
  }

  /** Where a stream stands, or the empty place where it would. */
  private placeOf(id: number): number {
    let at = this.homeOf(id);
    for (let one = this.slots[at]; one !== undefined && one.id !== id; one = this.slots[at]) at = this.next(at);
    return at;
  }

  private homeOf(id: number): number {
    return (id >>> 1) & (this.slots.length - 1);
  }

  private next(at: number): number {
    return (at + 1) & (this.slots.length - 1);
  }

  private distance(from: number, to: number): number {
    return (to - from) & (this.slots.length - 1);
  }

  private resize(length: number): void {
    const all = this.all();
    this.slots = new Array<Stream | undefined>(length).fill(undefined);
    for (const one of all) this.slots[this.placeOf(one.id)] = one;
  }
}
