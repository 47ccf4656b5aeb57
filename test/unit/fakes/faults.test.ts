import { connect } from 'node:net';
import { expect } from 'chai';
import { type Fake, OPENAI_KEY, startOpenAi, testCa } from '../../fakes/index.ts';
import { type RequestOptions, request, requestH2, until } from '../../support/index.ts';

const HELLO = { model: 'm', messages: [{ role: 'user', content: 'hi' }] };

describe('fault plan and record of a fake', () => {
  let fake: Fake;
  before(async () => {
    fake = await startOpenAi();
  });
  after(() => fake.close());
  beforeEach(() => fake.reset());

  const call = (more: object = {}, headers: Record<string, string> = {}): RequestOptions => ({
    port: fake.port,
    path: '/v1/chat/completions',
    headers: { authorization: `Bearer ${OPENAI_KEY}`, ...headers },
    body: { ...HELLO, ...more },
  });

  const failure = async (options: RequestOptions): Promise<string> => {
    try {
      return `answered ${(await request(options)).status}`;
    } catch (error) {
      return String((error as NodeJS.ErrnoException).code);
    }
  };

  it('chooses the fault by the number of the request', async () => {
    fake.fault = (_request, n) => (n === 1 ? { status: 429, headers: { 'retry-after': '2' } } : undefined);
    const first = await request(call());
    expect(first.status).to.equal(429);
    expect(first.headers['retry-after']).to.equal('2');
    expect(first.json).to.have.nested.property('error.type', 'rate_limit_exceeded');
    expect((await request(call())).status).to.equal(200);
  });

  it('resets, and hangs until the client gives up', async () => {
    fake.fault = () => ({ reset: true });
    expect(await failure(call())).to.equal('ECONNRESET');
    fake.fault = () => ({ hang: true });
    const abort = new AbortController();
    const hanging = failure({ ...call(), signal: abort.signal });
    await until(() => fake.requests.length === 2, { what: 'the request' });
    abort.abort();
    expect(await hanging).to.equal('ABORT_ERR');
    await until(() => fake.last.outcome.clientAborted, { what: 'the abort to be seen' });
  });

  it('refuses connections until told otherwise, on the same port', async () => {
    fake.fault = () => ({ connectRefuse: true });
    expect(await failure(call())).to.equal('ECONNRESET');
    await until(async () => (await failure(call())) === 'ECONNREFUSED', { what: 'refused connections' });
    const { port } = fake;
    await fake.reset();
    expect(fake.port).to.equal(port);
    expect(await failure(call())).to.equal('answered 200');
  });

  it('delays headers, or the first byte of the body alone', async () => {
    fake.fault = () => ({ delayMs: 150 });
    expect((await request(call())).headersAtMs).to.be.greaterThan(140);
    fake.fault = () => ({ slowFirstByteMs: 60_000 });
    const abort = new AbortController();
    const slow = await request({ ...call({ stream: true }), signal: abort.signal, onHeaders: () => abort.abort() });
    expect([slow.status, slow.isCut, slow.text]).to.deep.equal([200, true, '']);
  });

  it('cuts a stream after its pieces, and a unary answer in its middle', async () => {
    fake.fault = () => ({ cutAfterChunks: 2 });
    const stream = await request(call({ stream: true }));
    expect(stream.isCut).to.equal(true);
    expect(stream.sse()).to.have.length(2);
    const unary = await request(call());
    expect(unary.isCut).to.equal(true);
    expect(unary.body.length).to.be.greaterThan(0).and.lessThan(Number(unary.headers['content-length']));
  });

  it('ends a stream with an error event, or lets it stall', async () => {
    fake.fault = () => ({ errorAfterChunks: 2 });
    const failed = await request(call({ stream: true }));
    expect(failed.isCut).to.equal(false);
    expect(failed.sse()).to.have.length(3);
    expect(failed.sse()[2]?.json).to.have.nested.property('error.type', 'server_error');
    fake.fault = () => ({ stallAfterChunks: 1 });
    const abort = new AbortController();
    const stalled = await request({ ...call({ stream: true }), signal: abort.signal, onChunk: () => abort.abort() });
    expect([stalled.isCut, stalled.sse().length]).to.deep.equal([true, 1]);
  });

  it('records credentials that are not its own', async () => {
    await request(call({}, { 'x-api-key': 'sk-ant', cookie: 'session=1', 'x-amz-date': '20260101T000000Z' }));
    await request({ ...call(), headers: { Authorization: 'Bearer sk-client' }, path: '/v1/chat/completions?key=g' });
    expect(fake.foreignCredentials.map(({ n, where, value }) => [n, where, value])).to.deep.equal([
      [1, 'x-api-key', 'sk-ant'],
      [1, 'cookie', 'session=1'],
      [1, 'x-amz-date', '20260101T000000Z'],
      [2, 'authorization', 'Bearer sk-client'],
      [2, '?key', 'g'],
    ]);
  });

  /** Sends bytes as they are and returns the first line that comes back. */
  const raw = (head: string, body: string): Promise<string> =>
    new Promise((resolve) => {
      const socket = connect(fake.port, '127.0.0.1', () => socket.write(`${head}\r\n\r\n${body}`));
      socket.on('data', (bytes) => {
        resolve(bytes.toString().split('\r\n')[0] ?? '');
        socket.destroy();
      });
      socket.on('error', () => resolve('error'));
    });

  it('refuses ambiguous framing and repeated headers', async () => {
    const start = 'POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-type: application/json';
    expect(await raw(`${start}\r\ncontent-length: 2\r\ntransfer-encoding: chunked`, '{}')).to.include('400');
    expect(
      await raw(`${start}\r\ncontent-length: 2\r\nauthorization: Bearer a\r\nauthorization: Bearer b`, '{}'),
    ).to.include('400');
    expect(fake.protocolErrors).to.have.length(2);
    expect(fake.protocolErrors[1]).to.include('repeats authorization');
  });

  it('sees a body shorter than its content-length as incomplete, a longer one as bad framing', async () => {
    const head = 'POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-type: application/json';
    const socket = connect(fake.port, '127.0.0.1', () => socket.write(`${head}\r\ncontent-length: 50\r\n\r\n{}`));
    await until(() => fake.arrived === 1, { what: 'the headers' });
    expect(fake.requests).to.have.length(0);
    socket.destroy();
    await until(() => fake.requests.length === 1, { what: 'the incomplete request' });
    expect(fake.last).to.include({ complete: false });
    expect(fake.last.body.toString()).to.equal('{}');
    await raw(`${head}\r\ncontent-length: 2`, '{}}}}');
    await until(() => fake.protocolErrors.length > 0, { what: 'the framing error' });
  });

  it('speaks HTTP/1.1 and HTTP/2 over TLS, and HTTP/2 without', async () => {
    const secure = await startOpenAi({ tls: { names: ['api.test', '127.0.0.1'] } });
    const plain = await startOpenAi({ h2c: true });
    try {
      const { cert } = await testCa();
      const tls = { ca: cert, serverName: 'api.test' };
      const one = await request({ ...call(), port: secure.port, tls });
      expect([one.status, secure.last.httpVersion, secure.last.serverName]).to.deep.equal([200, '1.1', 'api.test']);
      const two = await requestH2({ ...call({ stream: true }), port: secure.port, tls });
      expect([two.status, secure.last.httpVersion]).to.deep.equal([200, '2.0']);
      expect(two.sse().at(-1)?.data).to.equal('[DONE]');
      const other = { ca: (await testCa('other')).cert, serverName: 'api.test' };
      expect(await failure({ ...call(), port: secure.port, tls: other })).to.match(/CERT|SIGNATURE|VERIFY/);
      expect((await requestH2({ ...call(), port: plain.port })).status).to.equal(200);
      plain.fault = () => ({ cutAfterChunks: 1 });
      const cut = await requestH2({ ...call({ stream: true }), port: plain.port });
      expect([cut.isCut, cut.sse().length]).to.deep.equal([true, 1]);
    } finally {
      await secure.close();
      await plain.close();
    }
  });
});
