import { connect as connectSocket } from 'node:net';
import { expect } from 'chai';
import { encodeMessage } from '../../src/envoy/schema/index.ts';
import type { LimitDescriptor, RateLimitService, RateLimitServiceOptions } from '../../src/ratelimit/index.ts';
import { until } from '../support/index.ts';
import { type Client, connect, entries, failureOf, METHOD, rawHttp2, startService } from './client.ts';

const HOUR = { unit: 'HOUR', requests_per_unit: 10 };

describe('ratelimit: the service on the wire', () => {
  let service: RateLimitService | undefined;
  let client: Client | undefined;
  let port = 0;

  async function start(
    descriptors: readonly LimitDescriptor[],
    options: Partial<RateLimitServiceOptions> = {},
  ): Promise<Client> {
    ({ service, port } = await startService(descriptors, options));
    client = connect(port);
    return client;
  }

  afterEach(async () => {
    client?.close();
    await service?.close(100);
    service = undefined;
    client = undefined;
  });

  it('answers with the limit, what is left and when it resets', async () => {
    const own = await start([{ key: 'tenant', rate_limit: { ...HOUR, name: 'ten' } }], {
      clock: () => 3600 * 10 + 600,
    });
    const answer = await own.ask({ domain: 'd', descriptors: [entries({ tenant: 'a' })], hits_addend: 4 });
    expect(answer).to.deep.equal({
      overall_code: 'OK',
      statuses: [
        {
          code: 'OK',
          current_limit: { requests_per_unit: 10, unit: 'HOUR', name: 'ten' },
          limit_remaining: 6,
          duration_until_reset: '3000s',
        },
      ],
    });
    const over = await own.ask({ domain: 'd', descriptors: [entries({ tenant: 'a' })], hits_addend: 7 });
    expect(over.overall_code).to.equal('OVER_LIMIT');
    expect(over.statuses?.[0]?.limit_remaining ?? 0).to.equal(0);
    const other = await own.ask({ domain: 'd', descriptors: [entries({ tenant: 'b' })] });
    expect(other.statuses?.[0]?.limit_remaining).to.equal(9);
  });

  it('lets pass what no limit matches, and what is unlimited', async () => {
    const own = await start([{ key: 'a' }, { key: 'free', rate_limit: { unlimited: true } }]);
    const answer = await own.ask({
      domain: 'd',
      descriptors: [entries({ a: '1' }), entries({ free: '1' }), entries({ b: '1' })],
    });
    expect(answer.overall_code).to.equal('OK');
    expect(answer.statuses).to.deep.equal([
      { code: 'OK' },
      { code: 'OK', limit_remaining: 4294967295 },
      { code: 'OK' },
    ]);
    expect((await own.ask({ domain: 'x', descriptors: [entries({ a: '1' })] })).overall_code).to.equal('OK');
  });

  it('counts hits of a descriptor before those of the request, and 0 only asks', async () => {
    const own = await start([{ key: 'k', rate_limit: HOUR }]);
    const ask = (hits: object, all?: number) =>
      own.ask({ domain: 'd', descriptors: [entries({ k: 'v' }, hits)], ...(all ? { hits_addend: all } : {}) });
    expect((await ask({ hits_addend: '9' }, 3)).statuses?.[0]?.limit_remaining).to.equal(1);
    expect((await ask({ hits_addend: '0' }, 3)).overall_code).to.equal('OK');
    expect((await ask({ hits_addend: '1' })).overall_code).to.equal('OK');
    expect((await ask({ hits_addend: '0' })).overall_code, 'no room').to.equal('OVER_LIMIT');
    expect((await ask({ hits_addend: '18446744073709551615' })).overall_code).to.equal('OVER_LIMIT');
  });

  it('gives hits back, never below zero, and nets both entries of a stream’s end', async () => {
    const own = await start([{ key: 'k', rate_limit: HOUR }]);
    const change = (hits: number, more: object = {}) => entries({ k: 'v' }, { hits_addend: String(hits), ...more });
    const left = async (...descriptors: object[]) =>
      (await own.ask({ domain: 'd', descriptors })).statuses?.map((status) => status.limit_remaining ?? 0);
    expect(await left(change(8))).to.deep.equal([2]);
    expect(await left(change(3, { is_negative_hits: true }))).to.deep.equal([5]);
    expect(await left(change(50, { is_negative_hits: true }))).to.deep.equal([10]);
    // Applied one after the other they would pass zero: 0 - 8 + 3 is 3 then, and 0 as one change.
    expect(await left(change(8, { is_negative_hits: true }), change(3))).to.deep.equal([10, 10]);
    expect(await left(change(12), change(3, { is_negative_hits: true }))).to.deep.equal([1, 1]);
  });

  it('takes the limit that the request brings', async () => {
    const own = await start([{ key: 'k', rate_limit: HOUR }]);
    const ask = (limit: object) => own.ask({ domain: 'd', descriptors: [entries({ k: 'v' }, { limit })] });
    const answer = await ask({ requests_per_unit: 2, unit: 'DAY' });
    expect(answer.statuses?.[0]?.current_limit).to.deep.equal({ requests_per_unit: 2, unit: 'DAY' });
    expect(answer.statuses?.[0]?.limit_remaining).to.equal(1);
    expect((await ask({ requests_per_unit: 0, unit: 'DAY' })).overall_code).to.equal('OVER_LIMIT');
    const { code, details } = await failureOf(ask({ requests_per_unit: 2 }));
    expect([code, details]).to.deep.equal([3, 'the limit of a descriptor has the unknown unit 0']);
  });

  it('refuses in quota mode when every backend is over, and says which are not', async () => {
    const leaf = (model: string, limit: number): LimitDescriptor => ({
      key: 'model_name_override',
      value: model,
      quota_mode: true,
      rate_limit: { unit: 'HOUR', requests_per_unit: limit },
      metadata: { order: { [model]: 1 } },
    });
    const own = await start([{ key: 'backend_name', value: 'b', descriptors: [leaf('m', 1), leaf('n', 2)] }], {
      dynamicMetadata: true,
    });
    const both = ['m', 'n'].map((model) => entries({ backend_name: 'b', model_name_override: model }));
    const ask = () => own.ask({ domain: 'd', descriptors: both });
    expect((await ask()).overall_code).to.equal('OK');
    const second = await ask();
    expect(second.overall_code, 'one is over').to.equal('OK');
    expect(second.statuses?.map(({ code }) => code)).to.deep.equal(['OVER_LIMIT', 'OK']);
    expect(second.dynamic_metadata).to.deep.equal({
      domain: 'd',
      descriptors: ['m', 'n'].map((model) => ({ entries: ['backend_name=b', `model_name_override=${model}`] })),
      metadata: { order: { n: 1 } },
      passedBackends: [{ backend_name: 'b', model_name_override: 'n' }],
    });
    expect((await ask()).overall_code, 'all are over').to.equal('OVER_LIMIT');
  });

  it('has shadow mode, replaced limits and headers', async () => {
    const own = await start(
      [
        { key: 'shadow', shadow_mode: true, rate_limit: { unit: 'HOUR', requests_per_unit: 0 } },
        { key: 'plain', rate_limit: { unit: 'HOUR', requests_per_unit: 0, name: 'plain' } },
        { key: 'better', rate_limit: { unit: 'HOUR', requests_per_unit: 5, replaces: [{ name: 'plain' }] } },
      ],
      { headers: true, clock: () => 3600 * 7 + 1 },
    );
    const ask = (...keys: string[]) =>
      own.ask({ domain: 'd', descriptors: keys.map((key) => entries({ [key]: 'v' })) });
    expect((await ask('shadow')).overall_code).to.equal('OK');
    expect((await ask('plain')).overall_code).to.equal('OVER_LIMIT');
    const replaced = await ask('plain', 'better');
    expect(replaced.overall_code).to.equal('OK');
    expect(replaced.response_headers_to_add).to.deep.equal([
      { key: 'x-ratelimit-limit', value: '5' },
      { key: 'x-ratelimit-remaining', value: '4' },
      { key: 'x-ratelimit-reset', value: '3599' },
    ]);
    const metrics = service?.metrics() ?? '';
    expect(metrics).to.include('ratelimit_service_rate_limit_shadow_mode{domain="d",limit="shadow"} 1\n');
    expect(metrics).to.include('ratelimit_service_rate_limit_over_limit{domain="d",limit="plain"} 1\n');
    expect(metrics).to.include('ratelimit_service_rate_limit_within_limit{domain="d",limit="better"} 1\n');
  });

  it('replaces all limits at once, and keeps the old ones when the new ones are wrong', async () => {
    const own = await start([{ key: 'k', rate_limit: HOUR }]);
    const remaining = async () =>
      (await own.ask({ domain: 'd', descriptors: [entries({ k: 'v' })] })).statuses?.[0]?.limit_remaining;
    expect(await remaining()).to.equal(9);
    service?.replaceConfig({
      domains: [{ domain: 'd', descriptors: [{ key: 'k', rate_limit: { ...HOUR, requests_per_unit: 100 } }] }],
    });
    expect(await remaining(), 'counted on').to.equal(98);
    expect(() => service?.replaceConfig({ domains: [{ domain: '' }] })).to.throw(
      'domains[0].domain: must not be empty',
    );
    expect(await remaining()).to.equal(97);
  });

  it('says what is wrong with a request', async () => {
    const own = await start([]);
    const wrong = async (request: object) => {
      const { code, details } = await failureOf(own.ask(request));
      return [code, details];
    };
    expect(await wrong({ descriptors: [entries({ a: 'b' })] })).to.deep.equal([
      3,
      'rate limit domain must not be empty',
    ]);
    expect(await wrong({ domain: 'd' })).to.deep.equal([3, 'rate limit descriptor list must not be empty']);
    expect(await wrong({ domain: 'd', descriptors: [{}] })).to.deep.equal([
      3,
      'rate limit descriptor entry list must not be empty',
    ]);
    const garbage = await failureOf(own.raw(METHOD, Buffer.from([0x0a, 0xff])));
    expect([garbage.code, garbage.details]).to.deep.equal([
      3,
      'the request is not a RateLimitRequest: a number is cut off',
    ]);
    expect((await failureOf(own.raw('/a.B/C', Buffer.alloc(0)))).code).to.equal(12);
    expect(service?.metrics()).to.include('ratelimit_service_requests_invalid_total 4\n');
  });

  it('limits values that are not UTF-8', async () => {
    const own = await start([{ key: 'k', rate_limit: { unit: 'HOUR', requests_per_unit: 1 } }]);
    // Entry { key: "k", value: FF FE } in a descriptor, in a request of the domain "d".
    const message = Buffer.from([0x0a, 1, 0x64, 0x12, 9, 0x0a, 7, 0x0a, 1, 0x6b, 0x12, 2, 0xff, 0xfe]);
    const codes = [];
    for (let i = 0; i < 2; i++) codes.push((await own.raw(METHOD, message))[1]);
    expect(codes).to.deep.equal([1, 2]);
  });

  it('refuses messages that are too large, and takes large ones that are not', async () => {
    const own = await start([{ key: 'k', rate_limit: HOUR }], { maxMessageBytes: 200_000 });
    const descriptors = Array.from({ length: 2000 }, (_, i) => entries({ k: `value number ${i} ${'x'.repeat(50)}` }));
    const answer = await own.ask({ domain: 'd', descriptors });
    expect(answer.statuses).to.have.length(2000);
    const { code, details } = await failureOf(
      own.ask({ domain: 'd', descriptors: [entries({ k: 'x'.repeat(300_000) })] }),
    );
    expect([code, details]).to.deep.equal([8, 'a message of more than 200000 bytes']);
    expect((await own.ask({ domain: 'd', descriptors: [entries({ k: 'v' })] })).overall_code).to.equal('OK');
  });

  it('answers many calls at once, each its own', async () => {
    const own = await start([{ key: 'k', rate_limit: { unit: 'HOUR', requests_per_unit: 500 } }]);
    const answers = await Promise.all(
      Array.from({ length: 800 }, () => own.ask({ domain: 'd', descriptors: [entries({ k: 'v' })] })),
    );
    const left = answers
      .filter(({ overall_code: code }) => code === 'OK')
      .map(({ statuses }) => statuses?.[0]?.limit_remaining ?? 0);
    expect(left.sort((a, b) => a - b)).to.deep.equal(Array.from({ length: 500 }, (_, i) => i));
  });

  it('speaks HTTP/2 to clients other than gRPC’s', async () => {
    await start([{ key: 'k', rate_limit: HOUR }]);
    const message = Buffer.from(
      encodeMessage('envoy.service.ratelimit.v3.RateLimitRequest', { domain: 'd', descriptors: [entries({ k: 'ü' })] }),
    );
    const framed = Buffer.concat([Buffer.from([0, 0, 0, 0, message.length]), message]);
    const longHeader = { 'x-long': 'a'.repeat(20_000), 'x-odd': '\u00e9~{}|\\^' };
    expect(await rawHttp2(port, { ':path': METHOD, ...longHeader }, framed)).to.include({ 'grpc-status': '0' });
    expect(await rawHttp2(port, { ':path': METHOD, ':method': 'PUT' }, framed)).to.include({ ':status': 405 });
    expect(await rawHttp2(port, { ':path': METHOD, 'content-type': 'text/plain' }, framed)).to.include({
      ':status': 415,
    });
    const compressed = Buffer.from([1, 0, 0, 0, 0]);
    expect(await rawHttp2(port, { ':path': METHOD }, compressed)).to.include({ 'grpc-status': '3' });
  });

  it('ends connections that are not HTTP/2, and stays', async () => {
    const own = await start([{ key: 'k', rate_limit: HOUR }]);
    const ended = new Promise<void>((resolve) => {
      const socket = connectSocket(port, '127.0.0.1', () => socket.write('GET / HTTP/1.1\r\nhost: a\r\n\r\n'));
      socket.resume();
      socket.on('close', () => resolve());
    });
    await ended;
    expect((await own.ask({ domain: 'd', descriptors: [entries({ k: 'v' })] })).overall_code).to.equal('OK');
  });

  it('tells its health, and drains', async () => {
    const own = await start([{ key: 'k', rate_limit: HOUR }]);
    expect(await own.raw('/grpc.health.v1.Health/Check', Buffer.alloc(0))).to.deep.equal(Buffer.from([8, 1]));
    const closing = service?.close(2000);
    await closing;
    const { code } = await failureOf(own.ask({ domain: 'd', descriptors: [entries({ k: 'v' })] }));
    expect(code).to.equal(14);
    await until(() => service?.isServing === false, { what: 'the end' });
  });
});
