/**
 * Clusters, with their endpoints and secrets, stay for a while after a snapshot dropped them. A request that began under
 * the old routes may still fail over to one of them, and to Envoy a retry at a cluster that is gone is the end of it.
 */
import { assembleSnapshot, type EncodedResource, type Snapshot, typeSnapshot } from './snapshot.ts';
import { isSupply } from './types.ts';

export interface Linger {
  /** Takes the snapshot of a key over, and publishes it with what lingers. */
  set(key: string, snapshot: Snapshot): void;
  delete(key: string): void;
  close(): void;
}

interface Retired {
  readonly typeUrl: string;
  readonly resource: EncodedResource;
  readonly until: number;
}

interface Entry {
  snapshot: Snapshot;
  retired: Retired[];
  timer: NodeJS.Timeout | undefined;
}

/** Shape: `publish` gets each snapshot, and each again when something of it has lingered for `lingerMs`. */
export function createLinger(lingerMs: number, publish: (key: string, snapshot: Snapshot) => void): Linger {
  const entries = new Map<string, Entry>();

  function release(key: string, entry: Entry): void {
    clearTimeout(entry.timer);
    const now = performance.now();
    const held = (type: string, name: string): boolean => entry.snapshot.types.get(type)?.resources.has(name) === true;
    entry.retired = entry.retired.filter(
      ({ typeUrl, resource, until }) => until > now && !held(typeUrl, resource.name),
    );
    const [next] = entry.retired;
    // A little late, so that removals of one time go out together.
    entry.timer = next && setTimeout(() => release(key, entry), next.until - now + lingerMs / 20);
    entry.timer?.unref();
    publish(key, withRetired(entry.snapshot, entry.retired));
  }

  return {
    set(key, snapshot) {
      const entry = entries.get(key) ?? { snapshot, retired: [], timer: undefined };
      entries.set(key, entry);
      if (lingerMs > 0 && entry.snapshot !== snapshot) {
        const until = performance.now() + lingerMs;
        const dropped = droppedSupply(entry.snapshot, snapshot);
        const again = new Set(dropped.map(({ typeUrl, resource }) => `${typeUrl} ${resource.name}`));
        // In order of `until`; what is dropped for the second time lingers anew.
        entry.retired = entry.retired.filter(({ typeUrl, resource }) => !again.has(`${typeUrl} ${resource.name}`));
        entry.retired.push(...dropped.map((item) => ({ ...item, until })));
      }
      entry.snapshot = snapshot;
      release(key, entry);
    },
    delete(key) {
      clearTimeout(entries.get(key)?.timer);
      entries.delete(key);
    },
    close() {
      for (const { timer } of entries.values()) clearTimeout(timer);
      entries.clear();
    },
  };
}

function droppedSupply(from: Snapshot, to: Snapshot): Omit<Retired, 'until'>[] {
  const dropped: Omit<Retired, 'until'>[] = [];
  for (const [typeUrl, type] of from.types) {
    const next = to.types.get(typeUrl);
    if (!isSupply(typeUrl) || next === type) continue;
    for (const resource of type.resources.values()) {
      if (next?.resources.has(resource.name) !== true) dropped.push({ typeUrl, resource });
    }
  }
  return dropped;
}

function withRetired(snapshot: Snapshot, retired: readonly Retired[]): Snapshot {
  if (retired.length === 0) return snapshot;
  const types = new Map(snapshot.types);
  for (const typeUrl of new Set(retired.map((item) => item.typeUrl))) {
    const resources = new Map(snapshot.types.get(typeUrl)?.resources);
    for (const item of retired) if (item.typeUrl === typeUrl) resources.set(item.resource.name, item.resource);
    types.set(typeUrl, typeSnapshot(typeUrl, resources));
  }
  return assembleSnapshot(types);
}
