import { expect } from 'chai';
import fc from 'fast-check';
import { StreamTable } from '../../src/lib/http2/stream-table.ts';
import { createStream, type Stream } from '../../src/lib/http2/streams.ts';

describe('tables of streams, any', () => {
  it('hold what a Map would, whichever streams stay open', () => {
    // Ids that share a place among few, and those of a connection whose oldest stream never ends.
    const id = fc
      .oneof(
        fc.nat(40),
        fc.nat(8).map((i) => i * 128),
        fc.nat(400),
      )
      .map((i) => 2 * i + 1);
    const change = fc.oneof(
      fc.record({ kind: fc.constant('open' as const), id }),
      fc.record({ kind: fc.constant('end' as const), id }),
    );
    fc.assert(
      fc.property(fc.array(change, { maxLength: 400, size: 'max' }), (changes) => {
        const table = new StreamTable();
        const model = new Map<number, Stream>();
        for (const { kind, id: one } of changes) {
          if (kind === 'open') {
            if (model.has(one)) continue;
            const stream = createStream(one, new Map(), 0);
            model.set(one, stream);
            table.add(stream);
          } else expect(table.delete(one)).to.equal(model.delete(one));
          expect(table.size).to.equal(model.size);
        }
        for (let one = 1; one < 2400; one += 2) expect(table.get(one)).to.equal(model.get(one));
        const idsOf = (streams: Iterable<Stream>): number[] => [...streams].map((one) => one.id).sort((a, b) => a - b);
        expect(idsOf(table.all())).to.deep.equal(idsOf(model.values()));
        table.clear();
        expect([table.size, table.all()]).to.deep.equal([0, []]);
      }),
      { numRuns: 500 },
    );
  });
});
