import { expect } from 'chai';
import { decodeMessage, encodeMessage, messageTypes } from '../../../src/envoy/schema/index.ts';
import { describeMessage, oracleDecode, oracleEncode, sample } from './oracle.ts';

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

describe('protobuf codec against a second implementation', () => {
  const types = messageTypes();

  it('serves the API', () => {
    expect(types.length).to.be.greaterThan(1000);
    expect(types).to.include('envoy.config.bootstrap.v3.Bootstrap');
  });

  it('gives the same bytes and the same JSON for every message with all its fields', () => {
    for (const type of types) {
      const message = describeMessage(type);
      const variants = Math.max(2, ...message.oneofs.map((oneof) => oneof.fields.length));
      for (let variant = 0; variant < variants; variant++) {
        const json = sample(message, variant, 1);
        const bytes = encodeMessage(type, json);
        expect(hex(bytes), `${type} variant ${variant}`).to.equal(hex(oracleEncode(type, json)));
        expect(decodeMessage(type, bytes), type).to.deep.equal(oracleDecode(type, bytes));
      }
    }
  });

  it('gives the same for deep messages', () => {
    for (const type of ['envoy.config.route.v3.Route', 'envoy.config.cluster.v3.Cluster']) {
      for (let variant = 0; variant < 4; variant++) {
        const bytes = encodeMessage(type, sample(describeMessage(type), variant, 4));
        expect(hex(bytes)).to.equal(hex(oracleEncode(type, decodeMessage(type, bytes))));
        expect(decodeMessage(type, bytes)).to.deep.equal(oracleDecode(type, bytes));
      }
    }
  });

  it('encodes an empty message and one of defaults to nothing', () => {
    for (const type of types.filter((name) => name.startsWith('envoy.'))) {
      expect(encodeMessage(type, {}).length, type).to.equal(oracleEncode(type, {}).length);
    }
    const defaults = { name: '', type: 'STATIC', health_checks: [], connect_timeout: null, respect_dns_ttl: false };
    expect(encodeMessage('envoy.config.cluster.v3.Cluster', defaults).length).to.equal(
      oracleEncode('envoy.config.cluster.v3.Cluster', defaults).length,
    );
  });

  it('decodes what a newer API sends: unknown fields are dropped, unknown enum values stay numbers', () => {
    const known = encodeMessage('envoy.config.cluster.v3.Cluster', { name: 'a', lb_policy: 77 });
    const unknownField = Buffer.from([0xfa, 0xff, 0x01, 0x02, 0x68, 0x69]);
    expect(decodeMessage('envoy.config.cluster.v3.Cluster', Buffer.concat([known, unknownField]))).to.deep.equal({
      name: 'a',
      lb_policy: 77,
    });
  });
});
