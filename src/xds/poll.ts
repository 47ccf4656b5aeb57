/** Answers of a snapshot to a client without a stream, which says with each request what it has. */
import { emptyType } from './diff.ts';
import type { Responses } from './responses.ts';
import type { PollAnswer } from './rest.ts';
import { selectAll } from './selection.ts';
import type { EncodedResource, Snapshot } from './snapshot.ts';
import type { Subscriptions } from './subscription.ts';
import type { SotwRequest } from './wire.ts';

/** All that a request asks for, unless its version is the one of just that. */
export function pollSnapshot(
  { typeUrl, names, versionInfo }: SotwRequest,
  snapshot: Snapshot,
  { subscriptions, responses }: { readonly subscriptions: Subscriptions; readonly responses: Responses },
): PollAnswer {
  const subscription = subscriptions.sotw(undefined, names).next;
  const to = snapshot.types.get(typeUrl) ?? emptyType(typeUrl);
  const version = responses.version('sotw', subscription, to);
  if (version === versionInfo) return { current: true };
  const resources = new Map<string, EncodedResource>();
  selectAll({ subscription, to }, resources);
  return { current: false, version, resources: [...resources.values()] };
}
