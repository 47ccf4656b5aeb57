import { expect } from 'chai';
import {
  decodeAny,
  decodeMessage,
  discoveryCodec,
  encodeAny,
  encodeMessage,
  serviceMethods,
} from '../../../src/envoy/schema/index.ts';

const CLUSTER_URL = 'type.googleapis.com/envoy.config.cluster.v3.Cluster';

describe('discovery codec', () => {
  const cluster = { '@type': CLUSTER_URL, name: 'a', connect_timeout: '1s' };
  const encoded = encodeAny(cluster);
  const raw = { type_url: encoded.typeUrl, value: encoded.value };
  const header = { version_info: 'v1', type_url: CLUSTER_URL, nonce: '7', control_plane: { identifier: 'h' } };

  it('leaves the bytes of resources as they are', () => {
    const bytes = discoveryCodec.encodeResponse({ ...header, resources: [raw, raw] });
    const { resources, nonce } = discoveryCodec.decodeResponse(bytes);
    expect(nonce).to.equal('7');
    expect(resources.map(({ value }) => Buffer.compare(value, raw.value))).to.deep.equal([0, 0]);
    expect(resources.map(({ type_url, value }) => decodeAny(type_url, value))).to.deep.equal([cluster, cluster]);
  });

  it('joins framed resources to the message that encoding them together gives', () => {
    const framed = discoveryCodec.frameResource(raw);
    const joined = discoveryCodec.joinResponse(header, [framed, framed]);
    expect(decodeMessage('envoy.service.discovery.v3.DiscoveryResponse', joined)).to.deep.equal({
      ...header,
      resources: [cluster, cluster],
    });
  });

  it('does the same for the delta protocol', () => {
    const resource = { name: 'a', version: 'h1', resource: raw };
    const delta = { system_version_info: 's', type_url: CLUSTER_URL, nonce: '1', removed_resources: ['b', 'c'] };
    const joined = discoveryCodec.joinDeltaResponse(delta, [discoveryCodec.frameDeltaResource(resource)]);
    const whole = discoveryCodec.encodeDeltaResponse({ ...delta, resources: [resource] });
    const decode = (bytes: Uint8Array): unknown =>
      decodeMessage('envoy.service.discovery.v3.DeltaDiscoveryResponse', bytes);
    expect(decode(joined)).to.deep.equal({ ...delta, resources: [{ name: 'a', version: 'h1', resource: cluster }] });
    expect(decode(joined)).to.deep.equal(decode(whole));
    expect(discoveryCodec.decodeDeltaResponse(joined).removed_resources).to.deep.equal(['b', 'c']);
  });

  it('frames a resource too large for a one-byte length', () => {
    const large = { type_url: 'a/b', value: Buffer.alloc(70_000, 1) };
    const joined = discoveryCodec.joinResponse(header, [discoveryCodec.frameResource(large)]);
    expect(discoveryCodec.decodeResponse(joined).resources[0]?.value.length).to.equal(70_000);
  });

  it('reads requests as JSON, the metadata of the node included', () => {
    const request = {
      node: { id: 'n', metadata: { a: [1] }, user_agent_name: 'envoy' },
      type_url: CLUSTER_URL,
      resource_names: ['a'],
      response_nonce: '7',
      error_detail: { code: 13, message: 'no' },
    };
    expect(discoveryCodec.decodeRequest(discoveryCodec.encodeRequest(request))).to.deep.equal(request);
    const delta = { type_url: CLUSTER_URL, initial_resource_versions: { a: '1' }, resource_names_subscribe: ['*'] };
    expect(discoveryCodec.decodeDeltaRequest(discoveryCodec.encodeDeltaRequest(delta))).to.deep.equal(delta);
  });

  it('writes the header in the bytes of the message without resources', () => {
    const expected = encodeMessage('envoy.service.discovery.v3.DiscoveryResponse', header);
    expect(Buffer.compare(discoveryCodec.joinResponse(header, []), expected)).to.equal(0);
  });

  it('knows the methods of the services', () => {
    expect(serviceMethods('envoy.service.ratelimit.v3.RateLimitService')).to.deep.equal([
      {
        name: 'ShouldRateLimit',
        path: '/envoy.service.ratelimit.v3.RateLimitService/ShouldRateLimit',
        requestType: 'envoy.service.ratelimit.v3.RateLimitRequest',
        responseType: 'envoy.service.ratelimit.v3.RateLimitResponse',
        requestStream: false,
        responseStream: false,
      },
    ]);
    expect(() => serviceMethods('envoy.Nope')).to.throw('envoy.Nope');
  });
});
