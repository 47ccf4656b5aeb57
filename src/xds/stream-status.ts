/** What the ledger says of one type on one stream: as a whole, and resource by resource. Computed when asked for. */
import { emptyType } from './diff.ts';
import type { RejectedResource, TypeStatus } from './ledger.ts';
import { globOf } from './names.ts';
import type { Responses, Variant } from './responses.ts';
import { type EncodedResource, findResource, type Snapshot, type TypeSnapshot } from './snapshot.ts';
import { matchesResource } from './subscription.ts';
import { isSettled, type TypeState } from './type-state.ts';

/** The part of a stream that its status is made of. */
export interface StreamView {
  readonly id: number;
  readonly variant: Variant;
  readonly states: readonly TypeState[];
  readonly goal: Snapshot | undefined;
  readonly responses: Responses;
}

/** The ledger entries of a stream. */
export function streamStatus(view: StreamView): TypeStatus[] {
  return view.states
    .filter((state) => state.subscription !== undefined)
    .map((state) => ({ streamId: view.id, variant: view.variant, ...typeStatus(view, state) }));
}

function typeStatus(view: StreamView, state: TypeState): Omit<TypeStatus, 'streamId' | 'variant'> {
  const { typeUrl, subscription, sent, rejection } = state;
  const progress = {
    typeUrl,
    rejected: [...state.rejected.values()],
    ...(sent === undefined ? {} : { sent }),
    ...(rejection === undefined ? {} : { rejection }),
  };
  if (view.goal === undefined || subscription === undefined) {
    return { ...progress, ...(state.acked === undefined ? {} : { acked: state.acked }), synced: false };
  }
  const to = view.goal.types.get(typeUrl) ?? emptyType(typeUrl);
  const wanted = view.responses.version(view.variant, subscription, to);
  const synced = isSettled(state) && state.known.version === to.version;
  // Versions may move on without a response, when what changed is not what this client asked for.
  const acked = synced ? wanted : state.acked;
  return { ...progress, wanted, ...(acked === undefined ? {} : { acked }), synced };
}

/** Source: envoy.service.status.v3.ConfigStatus; `MISSING` is asked for and does not exist. */
export type ResourceState = 'SYNCED' | 'NOT_SENT' | 'STALE' | 'ERROR' | 'MISSING';

/** One resource of one proxy. */
export interface ResourceStatus {
  readonly typeUrl: string;
  readonly name: string;
  readonly state: ResourceState;
  /** What the proxy shall have; absent when it shall have none. */
  readonly wanted?: EncodedResource;
  /** Versions. */
  readonly sent?: string;
  readonly acked?: string;
  /** What `acked` is the version of, where its content is known here. */
  readonly held?: EncodedResource;
  readonly rejected?: RejectedResource;
}

/** Every resource that a stream subscribes to, or still holds. A client that is held shall have what it has. */
export function resourceStatuses(view: StreamView): ResourceStatus[] {
  return view.states.flatMap((state) => {
    const to =
      view.goal === undefined ? toldType(state) : (view.goal.types.get(state.typeUrl) ?? emptyType(state.typeUrl));
    if (to === undefined || state.subscription === undefined) return [];
    return [...namesOf(state, to)].map((name) => resourceStatus(state, to, name));
  });
}

/** What a client was last told of a type, where it was told all of a snapshot. */
function toldType({ known }: TypeState): TypeSnapshot | undefined {
  return 'typeUrl' in known ? (known as TypeSnapshot) : undefined;
}

function namesOf(state: TypeState, to: TypeSnapshot): Set<string> {
  const { subscription } = state;
  const names = new Set<string>();
  if (subscription === undefined) return names;
  for (const held of [to.resources, state.known.resources]) {
    for (const [name, resource] of held) if (matchesResource(subscription, { ...resource, name })) names.add(name);
  }
  // What nothing goes by is missing.
  for (const name of subscription.names) {
    if (globOf(name) === undefined && findResource(to, name) === undefined) names.add(name);
  }
  return names;
}

function resourceStatus(state: TypeState, to: TypeSnapshot, name: string): ResourceStatus {
  const wanted = to.resources.get(name);
  const unsent = state.asked.some((set) => set.names.has(name)) || state.owed;
  const sent = unsent ? undefined : state.known.resources.get(name)?.version;
  const rejected = state.rejected.get(name);
  const acked = ackedVersion(state, name, sent);
  const held = acked === undefined ? undefined : knownForm(state, to, name, acked);
  return {
    typeUrl: state.typeUrl,
    name,
    state: stateOf(wanted?.version, sent, acked, rejected?.version),
    ...(wanted === undefined ? {} : { wanted }),
    ...(sent === undefined ? {} : { sent }),
    ...(acked === undefined ? {} : { acked }),
    ...(held === undefined ? {} : { held }),
    ...(rejected === undefined ? {} : { rejected }),
  };
}

function ackedVersion(state: TypeState, name: string, sent: string | undefined): string | undefined {
  const rejected = state.rejected.get(name);
  if (rejected !== undefined) return rejected.accepted;
  const { outstanding } = state;
  if (outstanding?.response.names.names.has(name) === true) return outstanding.before.resources.get(name)?.version;
  // Whether the client took what is carried, or is yet to come in parts, is unknown.
  const unsettled = [...state.probes, ...state.carried].some((set) => set.names.has(name));
  return unsettled ? state.certain.resources.get(name)?.version : sent;
}

/** The content of a version, if it is at hand: of what a client had before it came only versions are known. */
function knownForm(state: TypeState, to: TypeSnapshot, name: string, version: string): EncodedResource | undefined {
  const places = [to, state.known, state.outstanding?.before, state.certain];
  const forms = places.map((known) => known?.resources.get(name));
  return forms.find((form): form is EncodedResource => form?.version === version && 'any' in form);
}

function stateOf(
  wanted: string | undefined,
  sent: string | undefined,
  acked: string | undefined,
  rejected: string | undefined,
): ResourceState {
  if (wanted === undefined && acked === undefined) return 'MISSING';
  if (rejected !== undefined && rejected === wanted) return 'ERROR';
  if (acked === wanted) return 'SYNCED';
  return sent === wanted ? 'STALE' : 'NOT_SENT';
}
