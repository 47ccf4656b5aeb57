import { expect } from 'chai';
import { bedrockConverse } from '../../../../src/providers/bedrock/converse-provider.ts';
import { createEventStreamReader } from '../../../../src/providers/bedrock/event-stream.ts';
import type { AnswerEvent } from '../../../../src/providers/conversation.ts';
import { encodeEvent, jsonEvent, unmodelledErrorEvent } from '../../../fakes/event-stream.ts';

function read(pieces: readonly Uint8Array[]): string[] {
  const reader = createEventStreamReader();
  const found: string[] = [];
  for (const piece of pieces) {
    reader.push(piece, ({ headers, payload }) => found.push(`${headers.get(':event-type')} ${payload}`));
  }
  return found;
}

function events(...pieces: readonly Buffer[]): AnswerEvent[] {
  const reader = bedrockConverse.createStreamReader(new Map());
  return [...pieces.flatMap((piece) => reader.push(piece)), ...reader.end()];
}

describe('AWS event streams', () => {
  const stream = Buffer.concat([jsonEvent('a', { x: 1 }), jsonEvent('b', { y: '€' }), jsonEvent('c', {})]);
  const said = ['a {"x":1}', 'b {"y":"€"}', 'c {}'];

  it('are read wherever they are cut', () => {
    expect(read([stream])).to.deep.equal(said);
    for (let at = 1; at < stream.length; at++) {
      expect(read([stream.subarray(0, at), stream.subarray(at)]), `cut at ${at}`).to.deep.equal(said);
    }
    expect(read([...stream].map((byte) => Buffer.from([byte])))).to.deep.equal(said);
  });

  it('are refused where a byte is wrong, wherever it is', () => {
    for (let at = 0; at < stream.length; at++) {
      const wrong = Buffer.from(stream);
      wrong.writeUInt8(wrong.readUInt8(at) ^ 1, at);
      let found: string[] | undefined;
      try {
        found = read([wrong]);
      } catch (caught) {
        expect(caught).to.have.property('code', 'provider_failed');
      }
      // A length that lies within the message's own check is impossible: the check covers it.
      expect(found, `byte ${at}`).to.equal(undefined);
    }
  });

  it('pass over headers that are no text', () => {
    const message = encodeEvent({ headers: { ':event-type': 'a' }, payload: Buffer.from('{}') });
    expect(read([message])).to.deep.equal(['a {}']);
  });
});

describe('Streams of Converse that break', () => {
  const start = jsonEvent('messageStart', { role: 'assistant' });
  const delta = jsonEvent('contentBlockDelta', { contentBlockIndex: 0, delta: { text: 'a' } });
  const stop = jsonEvent('messageStop', { stopReason: 'end_turn' });

  it('end in one failure, behind which nothing counts', () => {
    const broken: [string, Buffer[], number][] = [
      ['cut between events', [start, delta], 502],
      ['cut inside of one', [start, delta, stop.subarray(0, 20)], 502],
      ['empty', [], 502],
      ['no JSON', [start, encodeEvent({ headers: { ':event-type': 'messageStop' }, payload: Buffer.from('x') })], 502],
      ['bytes of something else', [Buffer.from('<html>an error page of a proxy</html>')], 502],
      ['an error without a model', [start, delta, unmodelledErrorEvent('InternalError', 'oh'), stop], 500],
    ];
    for (const [what, pieces, status] of broken) {
      const found = events(...pieces);
      const failures = found.filter(({ kind }) => kind === 'error');
      expect(failures.length, what).to.equal(1);
      expect(found.at(-1), what).to.equal(failures[0]);
      const [failure] = failures;
      expect(failure?.kind === 'error' && failure.error.status, what).to.equal(status);
    }
  });

  it('may end without their usage', () => {
    const found = events(start, delta, stop);
    expect(found.map(({ kind }) => kind)).to.deep.equal(['start', 'part_start', 'part_delta', 'part_end', 'finish']);
  });
});
