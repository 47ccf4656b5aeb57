import { expect } from 'chai';
import { encodeMessage } from '../../src/envoy/schema/index.ts';
import { RESERVED_AT_KEY } from '../../src/ir/index.ts';
import { createGrpcServer, type GrpcServer } from '../../src/lib/http2/server.ts';
import type { Method } from '../../src/lib/http2/streams.ts';
import type { RateLimitService } from '../../src/ratelimit/index.ts';
import { until } from '../support/index.ts';
import { connect, entries, METHOD, startService } from './client.ts';
import { connectRaw, type Frame, frame, literal, PREFACE, type RawHttp2, uint32 } from './raw-http2.ts';

const [DATA, HEADERS, RESET, SETTINGS, PING, GO_AWAY, WINDOW_UPDATE, CONTINUATION] = [0, 1, 3, 4, 6, 7, 8, 9];
const END_STREAM = 1;
const END_HEADERS = 4;

const BLOCK = Buffer.concat([
  Buffer.from([0x83, 0x86]),
  literal(':path', METHOD),
  literal('content-type', 'application/grpc'),
]);

function message(count = 1): Buffer {
  return messageOf(Array.from({ length: count }, (_, i) => entries({ k: `v${i}` })));
}

function messageOf(descriptors: readonly object[]): Buffer {
  const body = encodeMessage('envoy.service.ratelimit.v3.RateLimitRequest', { domain: 'd', descriptors });
  return Buffer.concat([Buffer.from([0]), uint32(body.length), body]);
}

const isEnd = (stream: number) => (one: Frame) =>
  one.stream === stream && one.type === HEADERS && (one.flags & END_STREAM) !== 0;

describe('ratelimit: HTTP/2', () => {
  let service: RateLimitService;
  let port = 0;
  let raw: RawHttp2 | undefined;

  before(async () => {
    const limits = [
      { key: 'k', rate_limit: { unit: 'year', requests_per_unit: 1_000_000, name: 'a name of some length' } },
    ];
    ({ service, port } = await startService(limits, { maxStreams: 20 }));
  });

  afterEach(async () => {
    raw?.close();
    raw = undefined;
    const client = connect(port);
    const answer = await client.ask({ domain: 'd', descriptors: [entries({ k: 'after' })] });
    expect(answer.overall_code, 'others are served').to.equal('OK');
    client.close();
  });

  after(() => service.close(100));

  async function errorOf(...bytes: Buffer[]): Promise<number> {
    raw = await connectRaw(port);
    raw.send(...bytes);
    const goAway = await raw.frame(({ type }) => type === GO_AWAY, 'GOAWAY');
    await until(() => raw?.isClosed() === true, { what: 'the end of the connection' });
    return goAway.payload.readUInt32BE(4);
  }

  it('takes back what a call reserved that its client resets, though it is answered, and nothing that it settled', async () => {
    const at = { [RESERVED_AT_KEY]: String(Math.floor(Date.now() / 1000)) };
    const reserves = messageOf([entries({ k: 'r', ...at }, { hits_addend: '40' })]);
    const settles = messageOf([
      entries({ k: 'r', ...at }, { hits_addend: '40', is_negative_hits: true }),
      entries({ k: 'r', ...at }, { hits_addend: '7' }),
    ]);
    const used = async (): Promise<number> => {
      const { budgets } = await service.budgets(1000);
      return budgets.find((one) => one.entries[0]?.value === 'r')?.used ?? 0;
    };
    raw = await connectRaw(port);
    const call = async (stream: number, body: Buffer): Promise<void> => {
      raw?.send(frame(HEADERS, END_HEADERS, stream, BLOCK), frame(DATA, END_STREAM, stream, body));
      await raw?.frame(isEnd(stream), 'the answer');
    };
    await call(1, reserves);
    await call(3, reserves);
    expect(await used()).to.equal(80);
    raw.send(frame(RESET, 0, 3, uint32(8)), frame(RESET, 0, 3, uint32(8)));
    await until(async () => (await used()) === 40, { what: 'what was reserved to come back, once' });
    await call(5, settles);
    raw.send(frame(RESET, 0, 5, uint32(8)));
    await call(7, message());
    expect(await used()).to.equal(7);
  });

  it('takes headers in pieces, padding, priorities, and bytes one by one', async () => {
    raw = await connectRaw(port);
    const priority = Buffer.concat([
      Buffer.from([3]),
      uint32(0),
      Buffer.from([1]),
      BLOCK.subarray(0, 10),
      Buffer.alloc(3),
    ]);
    const data = message();
    const all = Buffer.concat([
      frame(HEADERS, 0x28, 1, priority),
      frame(CONTINUATION, 0, 1, BLOCK.subarray(10, 20)),
      frame(CONTINUATION, END_HEADERS, 1, BLOCK.subarray(20)),
      frame(DATA, 8, 1, Buffer.concat([Buffer.from([2]), data.subarray(0, 3), Buffer.alloc(2)])),
      frame(PING, 0, 0, Buffer.from('12345678')),
      frame(0x77, 0, 1, Buffer.from('unknown')),
      frame(DATA, 0, 1),
      frame(DATA, END_STREAM, 1, data.subarray(3)),
    ]);
    for (const byte of all) raw.send(Buffer.from([byte]));
    await raw.frame(isEnd(1), 'the answer');
    const pong = await raw.frame(({ type }) => type === PING, 'PONG');
    expect([pong.flags, pong.payload.toString()]).to.deep.equal([1, '12345678']);
  });

  it('keeps to the room that the client gives', async () => {
    const initialWindow = Buffer.concat([Buffer.from([0, 4]), uint32(10)]);
    raw = await connectRaw(port, initialWindow);
    const whole = message(20);
    raw.send(frame(HEADERS, END_HEADERS, 1, BLOCK), frame(DATA, END_STREAM, 1, whole));
    await raw.frame(({ type }) => type === DATA, 'the first bytes');
    const received = () =>
      Buffer.concat((raw?.frames ?? []).filter(({ type }) => type === DATA).map(({ payload }) => payload));
    expect(received().length).to.equal(10);
    raw.send(frame(WINDOW_UPDATE, 0, 1, uint32(5)));
    await until(() => received().length === 15, { what: '15 bytes' });
    raw.send(frame(SETTINGS, 0, 0, Buffer.concat([Buffer.from([0, 4]), uint32(100_000)])));
    await raw.frame(isEnd(1), 'the answer');
    expect(received().readUInt32BE(1)).to.equal(received().length - 5);
  });

  it('refuses more calls at once than it says, and answers the others', async () => {
    raw = await connectRaw(port);
    for (let i = 0; i < 25; i++) raw.send(frame(HEADERS, END_HEADERS, 2 * i + 1, BLOCK));
    const refused = await raw.frame(({ type, stream }) => type === RESET && stream === 49, 'a refusal');
    expect(refused.payload.readUInt32BE()).to.equal(7);
    raw.send(frame(RESET, 0, 3, uint32(8)), frame(DATA, END_STREAM, 1, message()));
    await raw.frame(isEnd(1), 'the answer');
    raw.send(frame(HEADERS, END_HEADERS, 51, BLOCK), frame(DATA, END_STREAM, 51, message()));
    await raw.frame(isEnd(51), 'the answer');
  });

  it('ends connections that break the rules, with the reason', async () => {
    expect(await errorOf(frame(HEADERS, END_HEADERS, 2, BLOCK)), 'even stream').to.equal(1);
    expect(await errorOf(frame(DATA, 0, 1, message())), 'data of no stream').to.equal(1);
    expect(await errorOf(frame(HEADERS, END_HEADERS, 1, Buffer.from([0xff, 0xff, 0xff, 0xff, 0xff])))).to.equal(9);
    expect(await errorOf(frame(HEADERS, END_HEADERS, 1, Buffer.from([0xbf]))), 'no such header').to.equal(9);
    expect(await errorOf(frame(HEADERS, 0, 1, BLOCK), frame(PING, 0, 0, Buffer.alloc(8)))).to.equal(1);
    expect(await errorOf(frame(PING, 0, 0, Buffer.alloc(7))), 'size').to.equal(6);
    expect(await errorOf(frame(DATA, 0, 1, Buffer.alloc(20_000))), 'too large').to.equal(6);
    expect(await errorOf(frame(WINDOW_UPDATE, 0, 0, uint32(2 ** 31 - 1))), 'window').to.equal(3);
    const endless = Array.from({ length: 70 }, () => frame(CONTINUATION, 0, 1, Buffer.alloc(1)));
    expect(await errorOf(frame(HEADERS, 0, 1, BLOCK), ...endless), 'endless headers').to.equal(11);
  });

  it('survives bytes at random', async () => {
    let seed = 7;
    const random = (below: number): number => {
      seed = (seed * 1_103_515_245 + 12_345) % 2 ** 31;
      return seed % below;
    };
    for (let round = 0; round < 150; round++) {
      const one = await connectRaw(port);
      for (let i = 0; i < 8; i++) {
        const payload = Buffer.from(Array.from({ length: random(60) }, () => random(256)));
        one.send(
          random(4) === 0 ? payload : frame(random(11), random(256), random(3), random(3) === 0 ? BLOCK : payload),
        );
      }
      one.send(PREFACE);
      one.close();
    }
  });
});

describe('ratelimit: the end of a server', () => {
  it('waits for calls that are under way, and takes no others', async () => {
    let finish: (message: Buffer) => void = () => undefined;
    const answer = () =>
      new Promise<Buffer>((resolve) => {
        finish = resolve;
      });
    const server: GrpcServer = createGrpcServer({
      methods: new Map<string, Method>([['/a/b', { kind: 'unary', answer }]]),
      onBug: (caught) => {
        throw caught;
      },
    });
    const { port } = await server.listen({ host: '127.0.0.1', port: 0 });
    const client = connect(port);
    const called = client.raw('/a/b', Buffer.from('question'));
    await until(() => server.connections === 1 && finish.length === 1, { what: 'the call' });
    const closed = server.close(10_000);
    finish(Buffer.from('answer'));
    expect((await called).toString()).to.equal('answer');
    await closed;
    client.close();
  });

  it('cuts off what takes too long', async () => {
    const server = createGrpcServer({
      methods: new Map<string, Method>([
        ['/a/b', { kind: 'unary', answer: () => new Promise<Buffer>(() => undefined) }],
      ]),
      onBug: () => undefined,
    });
    const { port } = await server.listen({ host: '127.0.0.1', port: 0 });
    const client = connect(port);
    const failed = client.raw('/a/b', Buffer.alloc(0)).catch((error: { code: number }) => error.code);
    await until(() => server.connections === 1, { what: 'the call' });
    await server.close(20);
    expect(await failed).to.equal(14);
    client.close();
  });
});
