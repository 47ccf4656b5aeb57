/** Between what is served and what of it outlives the process. */
import { type Capabilities, capabilitiesOf, type EnvoyResource } from '../envoy/index.ts';
import { TYPES } from '../envoy/names.ts';
import { decodeMessage, typeUrl } from '../envoy/schema/index.ts';
import type { LimitsConfig } from '../ir/index.ts';
import type { SavedSnapshot, Snapshot } from '../xds/index.ts';
import { type CompiledView, countServed, type TranslatedRevision } from './revisions.ts';
import type { SavedState, SavedView } from './state-store.ts';

/** What to save of what is served now. */
export function savedState(
  served: TranslatedRevision,
  views: ReadonlyMap<string, CompiledView>,
  snapshots: readonly SavedSnapshot[],
  limits: LimitsConfig,
): SavedState {
  return {
    revision: served.revision,
    counts: countServed(served.ir),
    savedAt: new Date().toISOString(),
    limits,
    views: snapshots.flatMap((saved): SavedView[] => {
      const view = views.get(saved.key);
      if (view === undefined) return [];
      const { version, features } = view.capabilities;
      return [{ ...saved, gateway: view.gateway, envoyVersion: version, features: [...features] }];
    }),
  };
}

/** A saved view in the place of a compiled one, until a revision can be compiled. */
export function restoredView({ key, gateway, envoyVersion, features, snapshot }: SavedView): CompiledView {
  const known = capabilitiesOf(envoyVersion).features;
  const capabilities: Capabilities = {
    version: envoyVersion,
    features: new Set([...known].filter((feature) => features.includes(feature))),
    key: key.slice(key.lastIndexOf('@') + 1),
  };
  return {
    gateway,
    capabilities,
    snapshot,
    findings: [],
    // For dumps, which are asked for rarely.
    get resources() {
      return decodeResources(snapshot);
    },
  };
}

function decodeResources(snapshot: Snapshot): EnvoyResource[] {
  return (Object.keys(TYPES) as (keyof typeof TYPES)[]).flatMap((type) =>
    [...(snapshot.types.get(typeUrl(TYPES[type]))?.resources.values() ?? [])].map(({ name, any }) => ({
      type,
      name,
      message: messageOf(any),
      requires: [],
    })),
  );
}

function messageOf(any: Uint8Array): object {
  const { '@type': _type, ...message } = decodeMessage('google.protobuf.Any', any) as Readonly<Record<string, unknown>>;
  return message;
}
