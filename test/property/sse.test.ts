import { expect } from 'chai';
import fc from 'fast-check';
import { jsonText } from '../../src/lib/json-text.ts';
import { createSseReader, type SseEvent } from '../../src/lib/sse.ts';

describe('event streams, any', () => {
  it('say the same wherever they are cut, however broken their characters are', () => {
    const mark = Buffer.from('\uFEFF');
    const piece = fc.oneof(
      fc
        .constantFrom('data: one\n', 'data:two\r\n', 'event: x\n', 'data\n', ': no\n', '\n', '\r', 'ü', '漢', '🙂')
        .map(Buffer.from),
      fc.uint8Array({ maxLength: 3 }).map((bytes) => Buffer.from(bytes)),
      fc.constantFrom(mark, mark.subarray(0, 1), Buffer.from('🙂').subarray(0, 2)),
    );
    fc.assert(
      fc.property(fc.array(fc.array(piece), { maxLength: 6 }), (pieces) => {
        const chunks = pieces.map((chunk) => Buffer.concat(chunk));
        const cut = createSseReader();
        const read: SseEvent[] = chunks.flatMap((chunk) => cut.push(chunk));
        const whole = createSseReader();
        const text = new TextDecoder().decode(Buffer.concat(chunks));
        // What is decoded has no mark any more, and what looks like one is none.
        const begun = Buffer.from(text.startsWith('\uFEFF') ? `\uFEFF${text}` : text);
        expect([...read, ...cut.end()]).to.deep.equal([...whole.push(begun), ...whole.end()]);
      }),
      { numRuns: 2000 },
    );
  });
});

describe('texts as JSON, any', () => {
  it('are what JSON.stringify makes of them', () => {
    const unit = fc.oneof(fc.integer({ min: 0, max: 0xffff }), fc.constantFrom(0x22, 0x5c, 0x1f, 0xd83d, 0xde42));
    const text = fc.array(unit, { maxLength: 6 }).map((codes) => String.fromCharCode(...codes));
    fc.assert(
      fc.property(text, (one) => void expect(jsonText(one)).to.equal(JSON.stringify(one))),
      { numRuns: 2000 },
    );
  });
});
