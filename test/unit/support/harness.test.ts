import { existsSync } from 'node:fs';
import { createServer } from 'node:net';
import { expect } from 'chai';
import { type Fake, OPENAI_KEY, startOpenAi } from '../../fakes/index.ts';
import { freePorts, loadTest, multipartForm, parseSse, spawnChild, stopChild, until } from '../../support/index.ts';

describe('test harness', () => {
  it('gives ports that are free and different', async () => {
    const ports = [...(await freePorts(5)), ...(await freePorts(5))];
    expect(new Set(ports).size).to.equal(10);
    for (const port of ports) {
      const server = createServer();
      await new Promise<void>((resolve, reject) => server.once('error', reject).listen(port, '127.0.0.1', resolve));
      await new Promise((resolve) => server.close(resolve));
    }
  });

  it('waits for a value, and says what it waited for in vain', async () => {
    let calls = 0;
    expect(await until(() => (++calls < 3 ? undefined : calls), { what: 'calls', everyMs: 1 })).to.equal(3);
    const failed = await until(
      () => {
        throw new Error('not yet');
      },
      { what: () => 'the impossible', timeoutMs: 20 },
    ).catch((error: Error) => error);
    expect(failed).to.be.instanceOf(Error).with.property('message', 'waited in vain for the impossible');
    expect((failed as Error).cause).to.have.property('message', 'not yet');
  });

  it('reads events of any line end, with and without names', () => {
    const events = parseSse(': comment\n\nevent: a\r\ndata: {"x":1}\r\n\r\ndata:[DONE]\n\ndata: one\ndata: two\n\n');
    expect(events).to.deep.equal([
      { event: 'a', data: '{"x":1}', json: { x: 1 } },
      { event: undefined, data: '[DONE]', json: undefined },
      { event: undefined, data: 'one\ntwo', json: undefined },
    ]);
  });

  it('builds forms', () => {
    const form = multipartForm([{ name: 'model', value: 'm' }], 'B');
    expect(form.body.toString()).to.equal('--B\r\ncontent-disposition: form-data; name="model"\r\n\r\nm\r\n--B--\r\n');
  });

  it('ends a child, also one that ignores SIGTERM', async () => {
    const polite = spawnChild('sleep', ['60']);
    expect(await stopChild(polite)).to.equal('SIGTERM');
    const stubborn = spawnChild('sh', ['-c', 'trap "" TERM; echo ready; while :; do sleep 0.1; done'], {
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    await new Promise((resolve) => stubborn.stdout?.once('data', resolve));
    expect(await stopChild(stubborn, 50)).to.equal('SIGKILL');
  });

  for (const [how, end] of [
    ['exits', 'process.exit(0)'],
    ['is terminated', "process.kill(process.pid, 'SIGTERM')"],
  ] as const) {
    it(`leaves no child behind when the tests' process ${how}`, async () => {
      const module = new URL('../../support/processes.ts', import.meta.url).href;
      const script = `const { spawnChild } = await import('${module}');
        console.log(spawnChild('sleep', ['60']).pid); setTimeout(() => ${end}, 50);`;
      const parent = spawnChild(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', script], {
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      const pid = await new Promise<string>((resolve) =>
        parent.stdout?.once('data', (bytes: Buffer) => resolve(bytes.toString().trim())),
      );
      expect(pid).to.match(/^\d+$/);
      await until(() => parent.exitCode !== null && !existsSync(`/proc/${pid}`), { what: `the end of ${pid}` });
    });
  }

  describe('load', () => {
    let fake: Fake;
    before(async () => {
      fake = await startOpenAi({ name: 'a' });
    });
    after(() => fake.close());
    beforeEach(() => fake.reset());

    const makeRequest = () => ({
      port: fake.port,
      path: '/v1/chat/completions',
      headers: { authorization: `Bearer ${OPENAI_KEY}` },
      body: { model: 'm', messages: [{ role: 'user', content: 'hi' }] },
    });

    it('keeps its connections and its concurrency', async () => {
      fake.fault = (_request, n) => (n <= 128 ? { delayMs: 500 } : undefined);
      let arrivedAtFirst = 0;
      const onResponse = (): void => {
        arrivedAtFirst ||= fake.arrived;
      };
      const result = await loadTest({ concurrency: 128, total: 1000, makeRequest, onResponse });
      expect(result.byStatus).to.deep.equal({ 200: 1000 });
      expect(result.byBackend).to.deep.equal({ a: 1000 });
      expect(result.latenciesMs).to.have.length(1000);
      expect(fake.connections).to.be.at.most(128);
      expect(arrivedAtFirst).to.equal(128);
    });

    it('counts lost and cut answers', async () => {
      fake.fault = (_request, n) => (n === 1 ? { reset: true } : n === 2 ? { cutAfterChunks: 1 } : undefined);
      const result = await loadTest({ concurrency: 1, total: 4, makeRequest });
      expect(result.sent).to.equal(4);
      expect(result.byStatus).to.deep.equal({ 200: 3 });
      expect(Object.values(result.errors)).to.deep.equal([1, 1]);
      expect(result.errors).to.have.property('cut body of a 200', 1);
    });
  });
});
