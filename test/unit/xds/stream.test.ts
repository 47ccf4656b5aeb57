import { expect } from 'chai';
import { discoveryCodec } from '../../../src/envoy/schema/index.ts';
import { createDiffs } from '../../../src/xds/diff.ts';
import { createSnapshot, TYPE } from '../../../src/xds/index.ts';
import { createResponses } from '../../../src/xds/responses.ts';
import { XdsStream } from '../../../src/xds/stream.ts';
import { applyDeltaRequest } from '../../../src/xds/stream-delta.ts';
import { createSubscriptions } from '../../../src/xds/subscription.ts';
import { decodeDeltaRequest } from '../../../src/xds/wire.ts';

describe('xds: a stream that fails while nobody asks', () => {
  it('says so instead of ending the process', async () => {
    const diffs = createDiffs();
    const failures: unknown[] = [];
    let broken = false;
    const ignore = (): void => undefined;
    const stream = new XdsStream(
      1,
      'delta',
      undefined,
      {
        send: () => {
          if (broken) throw new Error('a bug');
        },
        idle: true,
        blockedSince: undefined,
        peer: '',
        fail: ignore,
        cut: ignore,
      },
      {
        diffs,
        subscriptions: createSubscriptions(),
        responses: createResponses(diffs, 1_000_000),
        ackTimeoutMs: 20,
        warmingMs: 20,
        onAck: ignore,
        onAccepted: ignore,
        onAnswer: ignore,
        onReturn: ignore,
        onNack: ignore,
        onSend: ignore,
        onSilence: ignore,
        onFailure: (_stream, caught) => failures.push(caught),
        heldBefore: () => undefined,
        siblings: () => [],
      },
    );
    const publish = (content: string): void => {
      stream.setGoal(createSnapshot([{ typeUrl: TYPE.cluster, name: 'a', value: Buffer.from(content) }]));
      stream.pump();
    };
    const request = discoveryCodec.encodeDeltaRequest({ type_url: TYPE.cluster });
    applyDeltaRequest(stream, stream.state(TYPE.cluster), decodeDeltaRequest(Buffer.from(request), false));
    publish('1');
    // The second waits for the answer to the first, which never comes.
    publish('2');
    broken = true;
    await new Promise((resolve) => setTimeout(resolve, 60));
    expect(failures).to.have.length(1);
    stream.close();
  });
});
