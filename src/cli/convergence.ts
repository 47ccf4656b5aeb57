/** How long it takes from a change until every connected proxy of a Gateway has acknowledged what it shall have. */
import type { NodeStatus } from '../xds/index.ts';

/** Checks at most this often: one check looks at all proxies. */
const CHECK_MS = 20;

export interface Convergence {
  /** What is served under a key. A change before the last one has arrived is measured from the first. */
  begin(key: string, version: string): void;
  /** A proxy has acknowledged something. */
  noteAck(key: string): void;
  close(): void;
}

/** Shape: `onConverged` gets the key and seconds. A proxy that goes counts no longer; one that rejects holds it up. */
export function createConvergence(
  nodes: () => readonly NodeStatus[],
  onConverged: (key: string, seconds: number) => void,
): Convergence {
  const since = new Map<string, number>();
  const versions = new Map<string, string>();
  let timer: NodeJS.Timeout | undefined;

  function check(): void {
    timer = undefined;
    const behind = new Set<string>();
    for (const { key, synced } of nodes()) if (!synced && key !== undefined) behind.add(key);
    for (const [key, at] of since) {
      if (behind.has(key)) continue;
      since.delete(key);
      onConverged(key, (performance.now() - at) / 1000);
    }
  }

  return {
    begin(key, version) {
      if (versions.get(key) === version) return;
      versions.set(key, version);
      const isServed = nodes().some((status) => status.key === key);
      if (isServed && !since.has(key)) since.set(key, performance.now());
    },
    noteAck(key) {
      if (timer !== undefined || !since.has(key)) return;
      timer = setTimeout(check, CHECK_MS);
      timer.unref();
    },
    close: () => clearTimeout(timer),
  };
}
