/** What all streams of a server share: memos of what one of them computed, and where they report to. */
import type { Acceptance } from './accepted.ts';
import { createDiffs } from './diff.ts';
import type { NodeInfo } from './node.ts';
import { heldBefore, type NodeRecord, siblingsOf } from './nodes.ts';
import { createResponses } from './responses.ts';
import type { Rollouts } from './rollout.ts';
import { DEFAULTS, type XdsServerOptions } from './server-options.ts';
import type { StreamShared, XdsStream } from './stream.ts';
import { createSubscriptions } from './subscription.ts';

/** Creates the memos and callbacks of a server's streams. `recordOf` finds the node of a stream. */
export function createShared(
  options: XdsServerOptions,
  recordOf: (stream: XdsStream) => NodeRecord | undefined,
  acceptance: Acceptance | undefined,
  rollouts: Rollouts,
  onFailure: (stream: XdsStream, caught: unknown) => void,
): StreamShared {
  const { logger } = options;
  const diffs = createDiffs();
  const subject = (stream: XdsStream) => {
    const record = recordOf(stream);
    return { node: record?.node ?? UNKNOWN_NODE, key: record?.key ?? '' };
  };
  return {
    diffs,
    subscriptions: createSubscriptions(),
    responses: createResponses(diffs, options.limits?.maxSharedBytes ?? DEFAULTS.maxSharedBytes),
    ackTimeoutMs: options.ackTimeoutMs ?? DEFAULTS.ackTimeoutMs,
    warmingMs: options.warmingMs ?? DEFAULTS.warmingMs,
    onFailure,
    heldBefore(stream) {
      const record = recordOf(stream);
      return record && heldBefore(record, stream);
    },
    siblings(stream) {
      const record = recordOf(stream);
      return record === undefined ? [] : siblingsOf(record, stream);
    },
    onSend(stream, typeUrl, response) {
      logger.debug(
        { stream: stream.id, typeUrl, version: response.version, bytes: response.body.length },
        'response sent',
      );
    },
    onSilence(stream, typeUrls) {
      const { node } = subject(stream);
      logger.warn({ node: node.id, cluster: node.cluster, typeUrls }, 'proxy does not answer: going on without');
    },
    onAnswer(stream, typeUrl, { sentAt }) {
      if (options.onAnswer === undefined) return;
      options.onAnswer({ key: subject(stream).key, typeUrl, seconds: (performance.now() - sentAt) / 1000 });
    },
    onAccepted(stream, { response, to }) {
      acceptance?.accept(subject(stream).key, { names: response.names, to });
    },
    onAck(stream, typeUrl, version) {
      const record = recordOf(stream);
      if (record) rollouts.noteProgress(record);
      options.onAck?.({ ...subject(stream), typeUrl, version });
    },
    onReturn(stream, typeUrl, known) {
      acceptance?.returned(subject(stream).key, typeUrl, known);
    },
    onNack(stream, typeUrl, rejection, sent) {
      const { node, key } = subject(stream);
      const { version, message, resources } = rejection;
      logger.warn(
        { node: node.id, cluster: node.cluster, typeUrl, version, resources, reason: message },
        'proxy rejected configuration',
      );
      const record = recordOf(stream);
      if (record && rejection.searching !== true) rollouts.noteRejection(record);
      acceptance?.reject(key, node.id, { names: sent.response.names, to: sent.to }, rejection);
      options.onNack?.({ node, key, typeUrl, version, rejection });
    },
  };
}

const UNKNOWN_NODE: NodeInfo = { id: '', cluster: '', extensions: [], clientFeatures: [] };
