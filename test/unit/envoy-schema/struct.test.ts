import { expect } from 'chai';
import fc from 'fast-check';
import { decodeMessage, encodeMessage } from '../../../src/envoy/schema/index.ts';
import { oracleDecode, oracleEncode } from './oracle.ts';

const STRUCT = 'google.protobuf.Struct';

/** JSON that a Struct can hold: well-formed text, finite numbers. */
const { value } = fc.letrec((tie) => ({
  value: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    fc.constant(null),
    fc.boolean(),
    fc.string({ unit: 'binary' }),
    fc.double({ noNaN: true, noDefaultInfinity: true }),
    fc.array(tie('value'), { maxLength: 4 }),
    fc.dictionary(fc.string({ unit: 'binary' }), tie('value'), { maxKeys: 4 }),
  ),
}));
const struct = fc.dictionary(fc.string({ unit: 'binary' }), value);

/** Compared as text, so that -0, `__proto__` and the order of keys all count as JSON has them. */
const canonical = (json: unknown): string =>
  JSON.stringify(json, (_, item: unknown) =>
    typeof item === 'object' && item !== null && !Array.isArray(item)
      ? Object.fromEntries(Object.entries(item).sort(([a], [b]) => (a < b ? -1 : 1)))
      : item,
  );

describe('Struct, over any JSON', () => {
  it('reads back what was written', () => {
    fc.assert(
      fc.property(struct, (json) => {
        expect(canonical(decodeMessage(STRUCT, encodeMessage(STRUCT, json)))).to.equal(canonical(json));
      }),
    );
  });

  it('is read and written alike by the second implementation', () => {
    fc.assert(
      fc.property(struct, (json) => {
        const bytes = encodeMessage(STRUCT, json);
        expect(canonical(oracleDecode(STRUCT, bytes))).to.equal(canonical(json));
        expect(canonical(decodeMessage(STRUCT, oracleEncode(STRUCT, json)))).to.equal(canonical(json));
      }),
    );
  });

  it('has the same bytes whatever the order of keys', () => {
    const reverse = (json: unknown): unknown => {
      if (Array.isArray(json)) return json.map(reverse);
      if (typeof json !== 'object' || json === null) return json;
      return Object.fromEntries(
        Object.entries(json)
          .reverse()
          .map(([key, item]) => [key, reverse(item)]),
      );
    };
    fc.assert(
      fc.property(struct, (json) => {
        expect(Buffer.compare(encodeMessage(STRUCT, json), encodeMessage(STRUCT, reverse(json)))).to.equal(0);
      }),
    );
  });
});
