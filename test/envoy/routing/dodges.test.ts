import { expect } from 'chai';
import { type Fake, OPENAI_KEY, startOpenAi } from '../../fakes/index.ts';
import { startGateway, type TestGateway } from '../../support/gateway.ts';
import { freePort, request, requestH2 } from '../../support/index.ts';
import {
  aiRoute,
  aiRule,
  exactly,
  gatewayObject,
  httpRoute,
  modelIs,
  policyYaml,
  serviceObject,
  toService,
} from './policy.ts';
import { sendRaw } from './raw.ts';
import { startService } from './service.ts';

const CHAT = '/v1/chat/completions';
const BODY = JSON.stringify({ model: 'gpt', messages: [{ role: 'user', content: 'hi' }] });

/** `closed.test` has AI routes alone; `open.test` also a service for all other paths; `secret.test` a guarded path. */
describe('ways around policy', function () {
  this.timeout(60_000);
  let port: number;
  let gateway: TestGateway;
  let openai: Fake;
  let service: Fake;
  let guarded: Fake;

  const fakes = (): Fake[] => [openai, service, guarded];
  const raw = (lines: readonly string[], body = BODY) =>
    sendRaw(port, `${[...lines, 'content-type: application/json'].join('\r\n')}\r\n\r\n${body}`);
  const post = (target: string, host = 'closed.test') =>
    raw([`POST ${target} HTTP/1.1`, `host: ${host}`, 'connection: close', `content-length: ${BODY.length}`]);
  const served = (): (string | undefined)[] => fakes().flatMap((fake) => fake.requests.map(() => fake.name));

  before(async () => {
    port = await freePort();
    openai = await startOpenAi();
    service = await startService('service');
    guarded = await startService('guarded');
    gateway = await startGateway({
      yaml: policyYaml(
        { openai: { port: openai.port, key: OPENAI_KEY } },
        gatewayObject({ name: 'http', protocol: 'HTTP', port }),
        serviceObject('service', service.port),
        serviceObject('guarded', guarded.port),
        aiRoute('ai', [aiRule([modelIs('gpt')], 'openai')], { hostnames: ['closed.test', 'open.test'] }),
        httpRoute('open', [{ backendRefs: [toService('service')] }], { hostnames: ['open.test'] }),
        httpRoute(
          'secret',
          [
            { matches: [{ path: { type: 'PathPrefix', value: '/admin' } }], backendRefs: [toService('guarded')] },
            {
              matches: [{ path: { type: 'PathPrefix', value: '/' }, headers: [exactly('x-user', 'known')] }],
              backendRefs: [toService('service')],
            },
          ],
          { hostnames: ['secret.test'] },
        ),
      ),
    });
  });

  beforeEach(() => Promise.all(fakes().map((fake) => fake.reset())));

  after(async () => {
    await gateway?.stop();
    for (const fake of fakes()) await fake.close();
  });

  afterEach(() => {
    for (const { requests } of [openai]) {
      // Whatever reached the provider was read first: its model is known, its path is the provider's.
      for (const one of requests) {
        expect(one.path.split('?')[0]).to.equal(CHAT);
        expect(one.json).to.have.property('model', 'gpt');
      }
    }
  });

  const same = [
    '//v1/chat/completions',
    '/v1//chat///completions',
    '/./v1/chat/completions',
    '/x/../v1/chat/completions',
    '/v1/chat/completions?',
    '/v1/chat/completions?model=other',
    '/v1/chat/completions?x=/../..',
  ];
  for (const target of same) {
    it(`${target} is the endpoint itself`, async () => {
      for (const host of ['closed.test', 'open.test']) {
        const [answer] = await post(target, host);
        expect(answer?.status, answer?.body).to.equal(200);
      }
      expect(served()).to.deep.equal(['openai', 'openai']);
    });
  }

  const other = [
    '/v1/chat/completions/',
    '/V1/Chat/Completions',
    '/v1/chat/completions;x=1',
    '/v1/chat/completions%20',
    '/v1/chat/completions%3Fx',
    '/v1/chat/completions%00',
    '/v1/chat%252Fcompletions',
    '/v1/chat/completions/../completion',
    '/v1/chat\\completions/x',
    '*',
  ];
  for (const target of other) {
    it(`${target} never reaches a provider`, async () => {
      for (const host of ['closed.test', 'open.test']) {
        const [answer] = await post(target, host);
        if (host === 'closed.test') expect(answer?.status).to.be.oneOf([400, 404]);
      }
      expect(openai.arrived).to.equal(0);
    });
  }

  for (const target of ['/v1/chat%2Fcompletions', '/v1%2fchat/completions', '/v1/chat%5Ccompletions']) {
    it(`${target} is sent on to its plain form`, async () => {
      const [answer] = await post(target);
      expect(answer?.status).to.equal(307);
      expect(answer?.head).to.contain('location: /v1/chat/completions');
      expect(served()).to.deep.equal([]);
    });
  }

  it('a fragment is refused', async () => {
    const [answer] = await post('/v1/chat/completions#x');
    expect(answer?.status).to.equal(400);
    expect(served()).to.deep.equal([]);
  });

  it('an absolute URI names its host, whatever the Host header says', async () => {
    const [answer] = await post(`http://closed.test${CHAT}`, 'other.test');
    expect(answer?.status, answer?.body).to.equal(200);
    const [foreign] = await post(`http://other.test${CHAT}`, 'closed.test');
    expect(foreign?.status).to.equal(404);
    expect(served()).to.deep.equal(['openai']);
  });

  it('a guarded path is guarded in each way to write it', async () => {
    const ways = [
      '/admin',
      '/admin/',
      '//admin',
      '/./admin',
      '/x/../admin',
      '/%61dmin',
      '/admin;x',
      '/x/..%2fadmin',
      '/admin%2f',
      '/ADMIN',
      '/admin%00',
      '/admin?x',
      '/admin/..;/x',
    ];
    for (const target of ways) {
      await raw([`GET ${target} HTTP/1.1`, 'host: secret.test', 'connection: close', 'x-user: known'], '');
    }
    // The service behind takes a path literally or decodes it: neither may give the guarded one.
    for (const { path } of service.requests) {
      const plain = new URL(decodeURIComponent(path.split('?')[0] ?? ''), 'http://x').pathname;
      expect(plain, path).not.to.match(/^\/+admin(\/|$)/);
    }
    expect(guarded.arrived).to.be.greaterThan(5);
  });

  it('two Host headers are refused', async () => {
    const [answer] = await raw([
      `POST ${CHAT} HTTP/1.1`,
      'host: closed.test',
      'host: open.test',
      `content-length: ${BODY.length}`,
    ]);
    expect(answer?.status).to.be.oneOf([400, 404]);
    expect(served()).to.deep.equal([]);
  });

  it('CONNECT and upgrades lead nowhere', async () => {
    const [tunnel] = await sendRaw(port, 'CONNECT closed.test:443 HTTP/1.1\r\nhost: closed.test:443\r\n\r\n');
    expect(tunnel?.status).to.equal(404);
    const upgrade = ['connection: upgrade', 'upgrade: websocket', `content-length: ${BODY.length}`];
    const [answer] = await raw([`POST ${CHAT} HTTP/1.1`, 'host: closed.test', ...upgrade]);
    expect(answer?.status).to.equal(403);
    expect(served()).to.deep.equal([]);
  });

  it('a request without Host is refused', async () => {
    const [answer] = await raw([`POST ${CHAT} HTTP/1.1`, `content-length: ${BODY.length}`]);
    expect(answer?.status).to.equal(400);
  });

  it('a dot at the end of the host changes nothing', async () => {
    const [answer] = await post(CHAT, 'closed.test.');
    expect(answer?.status).to.equal(200);
    const [withPort] = await post(CHAT, `closed.test.:${port}`);
    expect(withPort?.status).to.equal(200);
  });

  const smuggled = `0\r\n\r\nPOST ${CHAT} HTTP/1.1\r\nhost: closed.test\r\ncontent-length: ${BODY.length}\r\n\r\n${BODY}`;
  const framings: Record<string, readonly string[]> = {
    'both lengths': [`content-length: ${smuggled.length}`, 'transfer-encoding: chunked'],
    'two lengths': [`content-length: ${smuggled.length}`, 'content-length: 3'],
    'a list of lengths': [`content-length: ${smuggled.length}, 3`],
    'a signed length': [`content-length: +${smuggled.length}`],
    'an unknown coding': ['transfer-encoding: xchunked'],
    'two codings': ['transfer-encoding: chunked', 'transfer-encoding: identity'],
    'a blank before the colon': ['transfer-encoding : chunked'],
    'a folded coding': ['transfer-encoding:\r\n chunked'],
  };
  for (const [what, lines] of Object.entries(framings)) {
    it(`a request with ${what} is one request at most, and refused`, async () => {
      const answers = await raw([`POST ${CHAT} HTTP/1.1`, 'host: closed.test', ...lines], smuggled);
      expect(answers.length, JSON.stringify(answers)).to.be.at.most(1);
      for (const { status } of answers) expect(status).to.be.oneOf([400, 501]);
      expect(served()).to.deep.equal([]);
    });
  }

  it('headers that only differ by an underscore are refused', async () => {
    const response = await request({
      port,
      path: CHAT,
      host: 'closed.test',
      headers: { x_ai_eg_model: 'gpt' },
      body: BODY,
    });
    expect(response.status).to.equal(400);
    expect(served()).to.deep.equal([]);
  });

  it('headers that are too large are refused', async () => {
    const large = await request({ port, path: '/x', host: 'open.test', headers: { 'x-large': 'x'.repeat(70_000) } });
    expect(large.status).to.equal(431);
    const many = Object.fromEntries(Array.from({ length: 200 }, (_, i) => [`x-many-${i}`, '1']));
    expect((await request({ port, path: '/x', host: 'open.test', headers: many })).status).to.equal(431);
    expect(served()).to.deep.equal([]);
  });

  it("Envoy's own request headers have no effect from outside", async () => {
    openai.fault = (_request, n) => (n > 1 ? {} : { delayMs: 300, status: 500 });
    const headers = {
      'x-envoy-upstream-rq-timeout-ms': '1',
      'x-envoy-max-retries': '5',
      'x-envoy-retry-on': '5xx',
      'x-envoy-attempt-count': '7',
      'x-envoy-original-path': '/x',
      'x-envoy-internal': 'true',
      'x-forwarded-for': '10.0.0.1',
    };
    const response = await request({ port, path: CHAT, host: 'closed.test', headers, body: BODY });
    expect(response.status).to.equal(500);
    expect(openai.arrived).to.equal(1);
    const seen = openai.last.headers;
    expect(seen).not.to.have.any.keys(
      'x-envoy-upstream-rq-timeout-ms',
      'x-envoy-max-retries',
      'x-envoy-retry-on',
      'x-envoy-internal',
    );
  });

  it('over HTTP/2 too', async () => {
    const ask = (path: string, headers: Record<string, string> = {}) =>
      requestH2({ port, path, host: 'closed.test', headers, body: BODY });
    expect((await ask('//v1/chat/completions')).status).to.equal(200);
    expect((await ask('/v1/chat/completions/')).status).to.equal(404);
    expect(
      (await ask('/elsewhere', { 'x-ai-eg-model': 'gpt', 'x-headgate-api': 'openai', 'x-headgate-path': CHAT })).status,
    ).to.equal(404);
  });
});
