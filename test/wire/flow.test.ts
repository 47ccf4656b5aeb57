/** Flow control and the lives of connections, frame by frame: what no client library would do, or would show. */
import { expect } from 'chai';
import fc from 'fast-check';
import { discoveryCodec } from '../../src/envoy/schema/index.ts';
import type { XdsServerOptions } from '../../src/xds/index.ts';
import { connectRaw, frame, literal, type RawHttp2, uint32 } from '../ratelimit/raw-http2.ts';
import { resource } from './client.ts';
import { type Fixture, startServer, TYPE, until } from './fixture.ts';

const { cluster: CDS, endpoints: EDS } = TYPE;
const [DATA, HEADERS, RESET, GO_AWAY, WINDOW_UPDATE] = [0, 1, 3, 7, 8];
const END_HEADERS = 4;
const BLOCK = Buffer.concat([
  Buffer.from([0x83, 0x86]),
  literal(':path', '/envoy.service.discovery.v3.AggregatedDiscoveryService/DeltaAggregatedResources'),
  literal('content-type', 'application/grpc'),
]);
const WIDE = 2 ** 30;

/** A first request, for what is called `big`. */
function ask(typeUrl: string, id = 'raw'): Buffer {
  const body = discoveryCodec.encodeDeltaRequest({
    node: { id },
    type_url: typeUrl,
    resource_names_subscribe: typeUrl === EDS ? ['big'] : [],
  });
  return Buffer.concat([Buffer.from([0]), uint32(body.length), body]);
}

describe('xDS over HTTP/2', () => {
  let fixture: Fixture | undefined;
  let raw: RawHttp2 | undefined;
  afterEach(async () => {
    raw?.close();
    await fixture?.close();
  });

  async function start(options: Partial<XdsServerOptions>, room: number): Promise<RawHttp2> {
    fixture = await startServer(options);
    fixture.publish('g', [resource(CDS, 'a'), resource(EDS, 'big', 'x'.repeat(200_000))]);
    raw = await connectRaw(fixture.port, Buffer.concat([Buffer.from([0, 4]), uint32(room)]));
    return raw;
  }

  const received = (stream = 1): Buffer =>
    Buffer.concat(
      (raw?.frames ?? []).filter((one) => one.type === DATA && one.stream === stream).map((f) => f.payload),
    );

  it('brings a response whole, in whatever portions the client makes room for it', async () => {
    const one = await start({}, 0);
    one.send(frame(WINDOW_UPDATE, 0, 0, uint32(WIDE)));
    let stream = -1;
    await fc.assert(
      fc.asyncProperty(fc.array(fc.integer({ min: 1, max: 70_000 }), { maxLength: 12 }), async (portions) => {
        stream += 2;
        one.send(frame(HEADERS, END_HEADERS, stream, BLOCK), frame(DATA, 0, stream, ask(EDS, `n${stream}`)));
        let room = 0;
        for (const portion of [...portions, WIDE]) {
          one.send(frame(WINDOW_UPDATE, 0, stream, uint32(portion)));
          room += portion;
          await until(
            () => received(stream).length === Math.min(room, 5 + sizeOf(received(stream))),
            'what there is room for',
          );
        }
        const { resources } = discoveryCodec.decodeDeltaResponse(received(stream).subarray(5));
        expect(
          Buffer.from(resources?.[0]?.resource?.value ?? []).equals(Buffer.from(`big=${'x'.repeat(200_000)}`)),
        ).to.equal(true);
        one.send(frame(RESET, 0, stream, uint32(8)));
      }),
      { numRuns: 15 },
    );
  });

  it('sends many clients the same frames, of a size that each of them takes', async () => {
    await start({}, WIDE);
    for (let i = 0; i < 4; i++) {
      raw?.close();
      raw = await connectRaw(fixture?.port ?? 0, Buffer.concat([Buffer.from([0, 4]), uint32(WIDE)]));
      raw.send(frame(WINDOW_UPDATE, 0, 0, uint32(WIDE)));
      raw.send(frame(HEADERS, END_HEADERS, 1, BLOCK), frame(DATA, 0, 1, ask(EDS, `n${i}`)));
      await until(() => received().length === 5 + sizeOf(received()), 'all of it');
      const { resources } = discoveryCodec.decodeDeltaResponse(received().subarray(5));
      expect(resources?.[0]?.resource?.value).to.have.length(200_004);
      const sizes = raw.frames.filter(({ type }) => type === DATA).map(({ payload }) => payload.length);
      expect(Math.max(...sizes)).to.be.at.most(16_384);
    }
  });

  it('waits for who reads slowly, and cuts off who stops', async () => {
    const one = await start({ limits: { stuckMs: 400 } }, 0);
    one.send(frame(WINDOW_UPDATE, 0, 0, uint32(WIDE)));
    one.send(frame(HEADERS, END_HEADERS, 1, BLOCK), frame(DATA, 0, 1, ask(EDS)));
    for (let i = 0; i < 12; i++) {
      one.send(frame(WINDOW_UPDATE, 0, 1, uint32(1000)));
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    expect(received().length).to.equal(12_000);
    expect(one.frames.some(({ type }) => type === RESET)).to.equal(false);
    const reset = await one.frame(({ type }) => type === RESET, 'the end of its patience');
    expect(reset.payload.readUInt32BE()).to.equal(11);
    await until(() => fixture?.server.nodes().length === 0, 'it is gone');
  });

  it('tells a connection to go, serves it a while longer, and ends it', async () => {
    const one = await start({ connectionAge: { maxMs: 300, graceMs: 500 } }, WIDE);
    one.send(frame(HEADERS, END_HEADERS, 1, BLOCK), frame(DATA, 0, 1, ask(CDS)));
    await one.frame(({ type }) => type === GO_AWAY, 'GOAWAY');
    const before = received().length;
    expect(before).to.be.greaterThan(0);
    one.send(frame(HEADERS, END_HEADERS, 3, BLOCK));
    const refused = await one.frame(({ type, stream }) => type === RESET && stream === 3, 'no new call');
    expect(refused.payload.readUInt32BE()).to.equal(7);
    one.send(frame(DATA, 0, 1, ask(EDS)));
    await until(() => received().length > before, 'an answer in the meantime');
    await until(() => one.isClosed(), 'the end');
  });

  it('ends a connection on which calls are made and given up without an end', async () => {
    const one = await start({}, WIDE);
    for (let i = 0; i <= 10_000; i++) {
      one.send(frame(HEADERS, END_HEADERS, 2 * i + 1, BLOCK), frame(RESET, 0, 2 * i + 1, uint32(8)));
    }
    const goAway = await one.frame(({ type }) => type === GO_AWAY, 'GOAWAY');
    expect(goAway.payload.readUInt32BE(4)).to.equal(11);
    await until(() => one.isClosed(), 'the end');
  });
});

/** Length of the message that has begun to arrive. */
function sizeOf(bytes: Buffer): number {
  return bytes.length < 5 ? Number.POSITIVE_INFINITY : bytes.readUInt32BE(1);
}
