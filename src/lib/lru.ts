/** A map that forgets what was not used for the longest time once its cost is over a limit. */
export interface Lru<V> {
  get(key: string): V | undefined;
  set(key: string, value: V): void;
  /** The stored value, or the made one, which is then stored. */
  take(key: string, make: () => V): V;
  readonly size: number;
}

/** Creates an `Lru`. `maxCost` counts entries unless `costOf` says what one costs (such as its bytes). */
export function createLru<V>(maxCost: number, costOf: (value: V) => number = () => 1): Lru<V> {
  const entries = new Map<string, { value: V; cost: number }>();
  let total = 0;
  let newest: string | undefined;

  function drop(key: string): void {
    const entry = entries.get(key);
    if (entry === undefined) return;
    total -= entry.cost;
    entries.delete(key);
  }

  function get(key: string): V | undefined {
    const entry = entries.get(key);
    if (entry === undefined) return undefined;
    if (key === newest) return entry.value;
    // Insertion order of the Map is the order of use.
    entries.delete(key);
    entries.set(key, entry);
    newest = key;
    return entry.value;
  }

  function set(key: string, value: V): void {
    drop(key);
    const cost = costOf(value);
    if (cost > maxCost) return;
    entries.set(key, { value, cost });
    newest = key;
    total += cost;
    for (const oldest of entries.keys()) {
      if (total <= maxCost) break;
      drop(oldest);
    }
  }

  return {
    get,
    set,
    take(key, make) {
      const found = get(key);
      if (found !== undefined) return found;
      const made = make();
      set(key, made);
      return made;
    },
    get size() {
      return entries.size;
    },
  };
}
