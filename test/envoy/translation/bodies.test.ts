/** Bodies that are broken, too large, compressed or not there, both ways, for clients of both APIs. */
import { brotliCompressSync, gzipSync } from 'node:zlib';
import { expect } from 'chai';
import { type Fake, type Fault, startAnthropic, startOpenAi } from '../../fakes/index.ts';
import { type ClientResponse, loadTest, postJson, request } from '../../support/index.ts';
import { expectAllServed } from '../failover/rig.ts';
import { startTranslationRig, type TranslationRig } from './rig.ts';

const MEBIBYTE = 1024 * 1024;
const CHAT = '/v1/chat/completions';
const MESSAGES = '/anthropic/v1/messages';
/** Model that a client of the API asks for, so that it is translated. */
const MODELS = { [CHAT]: 'claude', [MESSAGES]: 'gpt' } as const;
type Path = keyof typeof MODELS;
const PATHS = [CHAT, MESSAGES] as const;

function answerOf(path: Path, text = 'hi'): string {
  const usage = { input_tokens: 1, output_tokens: 1, prompt_tokens: 1, completion_tokens: 1, total_tokens: 2 };
  return JSON.stringify(
    path === CHAT
      ? {
          ...{ id: 'msg_1', type: 'message', role: 'assistant', model: 'claude-sonnet-4-5' },
          ...{ content: [{ type: 'text', text }], stop_reason: 'end_turn', stop_sequence: null, usage },
        }
      : {
          ...{ id: 'chatcmpl-1', object: 'chat.completion', created: 1, model: 'gpt-4o' },
          choices: [{ index: 0, message: { role: 'assistant', content: text }, finish_reason: 'stop' }],
          usage,
        },
  );
}

/** Fails unless this is an error in the shape of the API; gives its message. */
function expectError(response: ClientResponse, path: Path, status: number): string {
  expect(response.status, response.text.slice(0, 500)).to.equal(status);
  expect(response.headers['content-type']).to.equal('application/json');
  return messageOf(response.json, path);
}

function messageOf(json: unknown, path: Path): string {
  if (path === MESSAGES) expect(json).to.have.property('type', 'error');
  else expect(json).to.have.property('error').with.all.keys('message', 'type', 'param', 'code');
  return (json as { error: { message: string } }).error.message;
}

/** The same for the last event of a stream. */
function expectErrorEvent(response: ClientResponse, path: Path): string {
  expect([response.status, response.isCut]).to.eql([200, false]);
  return messageOf(JSON.parse(response.sse().at(-1)?.data ?? ''), path);
}

function typesOf(response: ClientResponse): (string | undefined)[] {
  return response.sse().map(({ event, data }) => event ?? data.slice(0, 5));
}

describe('bodies of translated requests and answers', function () {
  this.timeout(120_000);
  let openai: Fake;
  let anthropic: Fake;
  let rig: TranslationRig;
  const providerOf = (path: Path): Fake => (path === CHAT ? anthropic : openai);

  const ask = (path: Path, more: object = {}, model: string = MODELS[path]): Promise<ClientResponse> =>
    postJson(
      rig.port,
      path,
      { model, max_tokens: 20, messages: [{ role: 'user', content: 'hi' }], ...more },
      { 'anthropic-version': '2023-06-01' },
    );
  const failWith = (path: Path, fault: Fault): void => {
    providerOf(path).fault = () => fault;
  };

  before(async () => {
    openai = await startOpenAi({ name: 'openai', keys: ['sk-openai'] });
    anthropic = await startAnthropic({ name: 'anthropic', keys: ['sk-ant'] });
    const claude = { name: 'anthropic', modelNameOverride: 'claude-sonnet-4-5' };
    const gpt = { name: 'openai', modelNameOverride: 'gpt-4o' };
    rig = await startTranslationRig(
      {
        backends: {
          openai: { port: openai.port, key: 'sk-openai' },
          anthropic: {
            port: anthropic.port,
            schema: { name: 'Anthropic' },
            key: 'sk-ant',
            keyType: 'AnthropicAPIKey',
          },
        },
        models: {
          claude: { refs: [claude] },
          gpt: { refs: [gpt] },
          both: {
            refs: [
              { ...claude, priority: 0 },
              { ...gpt, priority: 1 },
            ],
          },
        },
      },
      { maxBodyBytes: MEBIBYTE },
    );
  });
  beforeEach(async () => {
    await openai.reset();
    await anthropic.reset();
  });
  afterEach(() => {
    expect(rig.bugs).to.eql([]);
    expect(rig.gateway.envoy.hasExited).to.equal(false);
  });
  after(async () => {
    await rig?.stop();
    await openai?.close();
    await anthropic?.close();
  });

  for (const path of PATHS) {
    describe(path, () => {
      it('requests that are broken or compressed are refused before any provider hears of them', async () => {
        const model = MODELS[path];
        const whole = JSON.stringify({ model, max_tokens: 20, messages: [{ role: 'user', content: 'hi' }] });
        const bodies: Record<string, string> = {
          truncated: whole.slice(0, -3),
          'a list': `[${whole}]`,
          'a key twice': whole.replace('{', '{"model":"other",'),
          'messages of another type': JSON.stringify({ model, max_tokens: 20, messages: 7 }),
          'a message of another type': JSON.stringify({ model, max_tokens: 20, messages: [[]] }),
          'content of another type': JSON.stringify({
            model,
            max_tokens: 20,
            messages: [{ role: 'user', content: 7 }],
          }),
          empty: '',
        };
        for (const [what, body] of Object.entries(bodies)) {
          const response = await request({ port: rig.port, path, method: 'POST', body });
          expect(expectError(response, path, 400), what).to.not.equal('');
        }
        const headers = { 'content-encoding': 'gzip' };
        const compressed = await request({ port: rig.port, path, method: 'POST', body: gzipSync(whole), headers });
        expect(expectError(compressed, path, 415)).to.contain('compressed');
        expect(providerOf(path).requests).to.eql([]);
      });

      it('requests that are too large for the processor get 413, or 503 where it cannot even read them', async () => {
        const content = (size: number) => ({ messages: [{ role: 'user', content: 'x'.repeat(size) }] });
        expect(expectError(await ask(path, content(MEBIBYTE)), path, 413)).to.contain('too large');
        expectError(await ask(path, content(5 * MEBIBYTE)), path, 503);
        expect(providerOf(path).requests).to.eql([]);
        expect((await ask(path, content(MEBIBYTE - 1000))).status).to.equal(200);
      });

      it('answers that are compressed unasked are read, and their errors too', async () => {
        for (const [encoding, compress] of [
          ['gzip', gzipSync],
          ['br', brotliCompressSync],
        ] as const) {
          const headers = { 'content-encoding': encoding };
          failWith(path, { status: 200, headers, body: compress(answerOf(path, 'compressed words')) });
          const answer = await ask(path);
          expect(answer.status, answer.text).to.equal(200);
          expect(answer.text).to.contain('compressed words');
          expect(answer.headers).to.not.have.property('content-encoding');
          failWith(path, { status: 429, headers, body: compress('{"error":{"message":"slow down"}}') });
          expect(expectError(await ask(path), path, 429)).to.equal('slow down');
        }
        const headers = { 'content-encoding': 'gzip' };
        failWith(path, { status: 200, headers, body: gzipSync(answerOf(path)).subarray(0, 40) });
        expectError(await ask(path), path, 502);
      });

      it('streams that are compressed unasked reach the client event by event', async () => {
        const fake = providerOf(path);
        fake.settings.reply = () => 'first|again|third|until|last.';
        const plain = await ask(path, { stream: true });
        fake.settings.compressUnasked = true;
        for (const coding of ['gzip', 'deflate', 'br'] as const) {
          fake.settings.compress = coding;
          for (const splitBytes of [undefined, 3]) {
            fake.settings.splitBytes = splitBytes;
            const answer = await ask(path, { stream: true });
            expect([answer.status, answer.isCut], coding).to.eql([200, false]);
            expect(answer.headers).to.not.have.property('content-encoding');
            expect(typesOf(answer)).to.eql(typesOf(plain));
            expect(answer.text).to.contain('third').and.contain('last.');
          }
          // Half of the events, and then nothing more for the time being.
          fake.fault = () => ({ stallAfterChunks: 5 });
          const leave = new AbortController();
          let seen = '';
          const body = {
            model: MODELS[path],
            max_tokens: 20,
            stream: true,
            messages: [{ role: 'user', content: 'hi' }],
          };
          const open = request({
            ...{ port: rig.port, path, body, signal: leave.signal },
            headers: { 'anthropic-version': '2023-06-01' },
            onChunk: (text) => {
              seen += text;
              if (seen.includes('again')) leave.abort();
            },
          });
          await open.catch(() => undefined);
          expect(seen, coding).to.contain('again').and.not.contain('last.');
          fake.fault = undefined;
        }
      });

      it('streams whose compression cannot be read, is not known, or holds far too much end with an error', async () => {
        const type = { 'content-type': 'text/event-stream' };
        const streams: [encoding: string, body: string | Buffer, told: string][] = [
          ['gzip', 'data: {}', 'cannot be read'],
          ['zstd', 'data: {}', 'unknown way'],
          ['gzip', gzipSync(Buffer.alloc(8 * MEBIBYTE, 'x')), 'too large'],
          ['br', brotliCompressSync(Buffer.alloc(8 * MEBIBYTE, 'x')), 'too large'],
          ['gzip', gzipSync('data: {}').subarray(0, 12), 'ended'],
        ];
        for (const [encoding, body, told] of streams) {
          failWith(path, { status: 200, headers: { ...type, 'content-encoding': encoding }, body });
          expect(expectErrorEvent(await ask(path, { stream: true }), path), encoding).to.contain(told);
        }
      });

      it('answers that are empty are 502, also in place of a stream; failures without a word keep their status', async () => {
        for (const stream of [false, true]) {
          for (const status of [200, 204]) {
            failWith(path, { status, body: '' });
            expect(expectError(await ask(path, { stream }), path, 502)).to.contain('empty');
          }
          for (const status of [400, 500, 503]) {
            failWith(path, { status, body: '' });
            expect(expectError(await ask(path, { stream }), path, status)).to.contain(String(status));
          }
        }
        providerOf(path).settings.contentLength = false;
        failWith(path, { status: 200, body: '' });
        expectError(await ask(path), path, 502);
        expectErrorEvent(await ask(path, { stream: true }), path);
      });

      it('answers that are no answer of the API are 502, or end the stream with an error', async () => {
        const bodies: Record<string, string> = {
          HTML: '<html>',
          'a list': '[]',
          null: 'null',
          truncated: answerOf(path).slice(0, -5),
          'members of another type': '{"content":7,"choices":7,"usage":"none"}',
        };
        for (const [what, body] of Object.entries(bodies)) {
          failWith(path, { status: 200, body });
          expect(expectError(await ask(path), path, 502), what).to.not.equal('');
          expect(expectErrorEvent(await ask(path, { stream: true }), path), what).to.not.equal('');
        }
      });

      it('answers that are too large are 502, or end the stream with an error', async () => {
        failWith(path, { status: 200, body: answerOf(path, 'x'.repeat(MEBIBYTE - 1000)) });
        expect((await ask(path)).status).to.equal(200);
        for (const size of [MEBIBYTE, 3 * MEBIBYTE]) {
          failWith(path, { status: 200, body: answerOf(path, 'x'.repeat(size)) });
          expect(expectError(await ask(path), path, 502)).to.contain('too large');
          expect(expectErrorEvent(await ask(path, { stream: true }), path)).to.contain('too large');
        }
        failWith(path, { status: 200, body: answerOf(path, 'x'.repeat(8 * MEBIBYTE)) });
        expectError(await ask(path), path, 503);
      });

      it('answers that break off: 502, and a stream that is seen to break', async () => {
        for (const cutAfterChunks of [0, 1, 3]) {
          failWith(path, { cutAfterChunks });
          expect(expectError(await ask(path), path, 502)).to.contain('broke off');
          const stream = await ask(path, { stream: true });
          expect([stream.status, stream.isCut]).to.eql([200, true]);
          expect(stream.text).to.not.match(/\[DONE\]|message_stop/);
        }
        failWith(path, { errorAfterChunks: 2 });
        expect(expectErrorEvent(await ask(path, { stream: true }), path)).to.contain('fails in the stream');
      });
    });
  }

  it('go on to the next backend at 64, where the first one cannot take or give them', async () => {
    const large = { messages: [{ role: 'user', content: 'x'.repeat(MEBIBYTE) }] };
    const load = await rig.load('both', { concurrency: 64, total: 128, body: large });
    expectAllServed(load, 128);
    expect(load.byBackend).to.eql({ openai: 128 });
    expect(anthropic.requests).to.eql([]);
    for (const body of ['', '[]', answerOf(CHAT, 'x'.repeat(MEBIBYTE))]) {
      failWith(CHAT, { status: 200, body });
      const served = await rig.load('both', { concurrency: 64, total: 320 });
      expectAllServed(served, 320);
      expect(served.byBackend).to.eql({ openai: 320 });
    }
  });

  it('do not stay with who asked when one of many breaks off', async () => {
    anthropic.fault = (_request, n) => (n % 2 === 0 ? { cutAfterChunks: 1 } : undefined);
    const body = { model: 'claude', messages: [{ role: 'user', content: 'hi' }] };
    const load = await loadTest({
      concurrency: 64,
      total: 640,
      makeRequest: () => ({ port: rig.port, path: CHAT, body }),
    });
    expect(load.errors).to.eql({});
    expect(load.byStatus).to.eql({ 200: 320, 502: 320 });
    expect(rig.processor.metrics()).to.match(/^[a-z_]*exchanges[a-z_]* 0$/m);
  });
});
