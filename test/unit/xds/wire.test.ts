import { expect } from 'chai';
import fc from 'fast-check';
import { decodeMessage, discoveryCodec } from '../../../src/envoy/schema/index.ts';
import {
  decodeDeltaRequest,
  decodeSotwRequest,
  encodeAny,
  encodeDeltaResponse,
  encodeNonce,
  encodeSotwResponse,
} from '../../../src/xds/wire.ts';

const text = fc.string({ unit: 'grapheme', maxLength: 300 });
const TYPE = 'type.googleapis.com/envoy.config.cluster.v3.Cluster';

const resources = fc.array(
  fc.record({ name: text, version: fc.string({ minLength: 1 }), value: fc.uint8Array({ maxLength: 400 }) }),
  { maxLength: 5 },
);

describe('xds: the wire format against the codec of the schema', () => {
  it('reads SotW requests alike', () => {
    fc.assert(
      fc.property(text, text, text, fc.array(text), fc.option(text), (version, type, nonce, names, error) => {
        const bytes = discoveryCodec.encodeRequest({
          version_info: version,
          type_url: type,
          response_nonce: nonce,
          resource_names: names,
          node: { id: 'n' },
          ...(error === null ? {} : { error_detail: { code: 7, message: error } }),
        });
        const request = decodeSotwRequest(Buffer.from(bytes), true);
        expect(request).to.include({ versionInfo: version, typeUrl: type, nonce });
        expect(request.names.decode()).to.deep.equal(names);
        expect(request.names.count).to.equal(names.length);
        expect(request.error).to.deep.equal(error === null ? undefined : { code: 7, message: error });
        expect(request.node?.id).to.equal('n');
        expect(decodeSotwRequest(Buffer.from(bytes), false).node).to.equal(undefined);
      }),
      { numRuns: 60 },
    );
  });

  it('reads delta requests alike', () => {
    fc.assert(
      fc.property(fc.array(text), fc.array(text), fc.dictionary(text, text), text, (add, drop, initial, nonce) => {
        const bytes = discoveryCodec.encodeDeltaRequest({
          type_url: TYPE,
          response_nonce: nonce,
          resource_names_subscribe: add,
          resource_names_unsubscribe: drop,
          initial_resource_versions: initial,
        });
        const request = decodeDeltaRequest(Buffer.from(bytes), true);
        expect(request).to.include({ typeUrl: TYPE, nonce });
        expect(request.subscribe.decode()).to.deep.equal(add);
        expect(request.unsubscribe.decode()).to.deep.equal(drop);
        expect(request.initialVersions.decode()).to.deep.equal(new Map(Object.entries(initial)));
      }),
      { numRuns: 60 },
    );
  });

  it('writes responses that read alike', () => {
    fc.assert(
      fc.property(resources, fc.array(text), text, text, (list, removed, version, nonce) => {
        const encoded = list.map(({ name, version, value }) => ({ name, version, any: encodeAny(TYPE, value) }));
        const sotw = discoveryCodec.decodeResponse(
          Buffer.concat([encodeSotwResponse(TYPE, version, encoded, false), encodeNonce(nonce)]),
        );
        expect({
          ...sotw,
          resources: sotw.resources.map((any) => Buffer.from(any.value).toString('hex')),
        }).to.deep.equal({
          ...discoveryCodec.decodeResponse(
            discoveryCodec.encodeResponse({
              version_info: version,
              type_url: TYPE,
              nonce,
              control_plane: { identifier: 'headgate' },
              resources: [],
            }),
          ),
          resources: list.map(({ value }) => Buffer.from(value).toString('hex')),
        });
        const delta = discoveryCodec.decodeDeltaResponse(
          Buffer.concat([encodeDeltaResponse(TYPE, version, encoded, removed, false), encodeNonce(nonce)]),
        );
        expect(delta.removed_resources ?? []).to.deep.equal(removed);
        expect(delta).to.include({ type_url: TYPE });
        expect((delta.resources ?? []).map((r) => [r.name, r.version, r.resource?.type_url])).to.deep.equal(
          list.map(({ name, version }) => [name, version, TYPE]),
        );
        expect((delta.resources ?? []).map((r) => Buffer.from(r.resource?.value ?? []).toString('hex'))).to.deep.equal(
          list.map(({ value }) => Buffer.from(value).toString('hex')),
        );
      }),
      { numRuns: 60 },
    );
  });

  it('gives equal lists equal keys and different lists different ones', () => {
    const keyOf = (names: string[], version: string) =>
      decodeSotwRequest(
        Buffer.from(discoveryCodec.encodeRequest({ version_info: version, resource_names: names, type_url: TYPE })),
        true,
      ).names.key;
    fc.assert(
      fc.property(fc.array(text), fc.array(text), text, text, (one, two, version, otherVersion) => {
        expect(keyOf(one, version)).to.equal(keyOf(one, otherVersion));
        const equal = JSON.stringify(one) === JSON.stringify(two);
        expect(keyOf(one, version) === keyOf(two, version)).to.equal(equal);
      }),
      { numRuns: 60 },
    );
    // A name that holds the tag and length of another.
    expect(keyOf(['a\u001a\u0001b'], '')).to.not.equal(keyOf(['a', 'b'], ''));
  });

  it('never fails on broken bytes in any way but one', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        for (const decode of [decodeSotwRequest, decodeDeltaRequest]) {
          try {
            decode(Buffer.from(bytes), true);
          } catch (caught) {
            expect(caught).to.include({ name: 'GatewayError', code: 'invalid_input' });
          }
        }
      }),
      { numRuns: 500 },
    );
  });

  it('writes aliases and times to live, and leaves the latter out for those who do not know them', () => {
    const terms = fc.record({
      name: text,
      version: text,
      aliases: fc.array(text, { minLength: 1, maxLength: 3 }),
      ttlMs: fc.integer({ min: 1, max: 10_000_000 }),
    });
    fc.assert(
      fc.property(fc.array(terms), fc.boolean(), (list, withTtl) => {
        const bytes = encodeDeltaResponse(TYPE, 'v', list, [], withTtl);
        const { resources } = decodeMessage('envoy.service.discovery.v3.DeltaDiscoveryResponse', bytes) as {
          resources?: object[];
        };
        expect(resources ?? []).to.deep.equal(
          list.map(({ name, version, aliases, ttlMs }) => ({
            ...(name === '' ? {} : { name }),
            ...(version === '' ? {} : { version }),
            aliases,
            ...(withTtl ? { ttl: `${ttlMs % 1000 === 0 ? ttlMs / 1000 : (ttlMs / 1000).toFixed(3)}s` } : {}),
          })),
        );
      }),
      { numRuns: 60 },
    );
  });
});
