import { expect } from 'chai';
import fc from 'fast-check';
import { decodeMessage, encodeMessage } from '../../src/envoy/schema/index.ts';
import { GatewayError } from '../../src/lib/errors.ts';
import { decodeRequest, encodeLimit, encodeResponse, MAX_HITS } from '../../src/ratelimit/wire.ts';

const text = fc.string({ unit: 'grapheme', maxLength: 40 });
const uint32 = fc.nat(0xffff_ffff);
const descriptor = fc.record({
  entries: fc.array(fc.record({ key: text, value: text }), { maxLength: 4 }),
  limit: fc.option(fc.record({ requestsPerUnit: uint32, unit: fc.nat(7) }), { nil: undefined }),
  hits: fc.option(fc.bigInt(0n, 2n ** 64n - 1n), { nil: undefined }),
  negative: fc.boolean(),
});

describe('ratelimit: the wire format', () => {
  it('reads what the schema’s codec writes', () => {
    fc.assert(
      fc.property(text, fc.array(descriptor, { maxLength: 5 }), uint32, (domain, descriptors, hits) => {
        const bytes = encodeMessage('envoy.service.ratelimit.v3.RateLimitRequest', {
          domain,
          hits_addend: hits,
          descriptors: descriptors.map((one) => ({
            entries: one.entries,
            is_negative_hits: one.negative,
            ...(one.hits === undefined ? {} : { hits_addend: String(one.hits) }),
            ...(one.limit && { limit: { requests_per_unit: one.limit.requestsPerUnit, unit: one.limit.unit } }),
          })),
        });
        expect(decodeRequest(Buffer.from(bytes))).to.deep.equal({
          domain,
          hitsAddend: hits,
          descriptors: descriptors.map((one) => ({
            entries: one.entries,
            isNegativeHits: one.negative,
            hitsAddend: one.hits === undefined ? undefined : Math.min(Number(one.hits), MAX_HITS),
            limit: one.limit && { ...one.limit, multiplier: 1 },
          })),
        });
      }),
    );
  });

  it('throws nothing but what names the client’s mistake', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 80 }), (bytes) => {
        try {
          decodeRequest(Buffer.from(bytes));
        } catch (caught) {
          expect(caught).to.be.instanceOf(GatewayError);
          expect((caught as GatewayError).code).to.equal('invalid_input');
        }
      }),
      { numRuns: 1000 },
    );
  });

  it('writes what the schema’s codec reads', () => {
    const status = fc.record({
      code: fc.constantFrom(1 as const, 2 as const),
      remaining: uint32,
      resetSeconds: fc.nat(1_000_000_000),
      limit: fc.option(
        fc.record({
          requestsPerUnit: uint32,
          unit: fc.integer({ min: 1, max: 7 }),
          name: text,
          multiplier: fc.integer({ min: 1, max: 1000 }),
        }),
        {
          nil: undefined,
        },
      ),
    });
    const names = ['', 'SECOND', 'MINUTE', 'HOUR', 'DAY', 'MONTH', 'YEAR', 'WEEK'];
    fc.assert(
      fc.property(fc.array(status, { maxLength: 5 }), (statuses) => {
        const bytes = encodeResponse({
          code: 2,
          statuses: statuses.map((one) => ({ ...one, limit: one.limit && encodeLimit(one.limit) })),
          responseHeaders: [{ key: 'a', value: 'b' }],
          dynamicMetadata: encodeMessage('google.protobuf.Struct', { x: [1, 'y'] }),
        });
        const expected = statuses.map(({ code, remaining, resetSeconds, limit }) => ({
          code: code === 1 ? 'OK' : 'OVER_LIMIT',
          ...(limit && {
            current_limit: {
              ...(limit.requestsPerUnit === 0 ? {} : { requests_per_unit: limit.requestsPerUnit }),
              unit: names[limit.unit],
              ...(limit.name === '' ? {} : { name: limit.name }),
              ...(limit.multiplier === 1 ? {} : { unit_multiplier: limit.multiplier }),
            },
          }),
          ...(remaining === 0 ? {} : { limit_remaining: remaining }),
          ...(resetSeconds === 0 ? {} : { duration_until_reset: `${resetSeconds}s` }),
        }));
        expect(decodeMessage('envoy.service.ratelimit.v3.RateLimitResponse', bytes)).to.deep.equal({
          overall_code: 'OVER_LIMIT',
          ...(statuses.length === 0 ? {} : { statuses: expected }),
          response_headers_to_add: [{ key: 'a', value: 'b' }],
          dynamic_metadata: { x: [1, 'y'] },
        });
      }),
    );
  });
});
