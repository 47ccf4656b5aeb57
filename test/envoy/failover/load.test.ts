import { once } from 'node:events';
import { type AddressInfo, createServer, type Server } from 'node:net';
import { expect } from 'chai';
import { testCa } from '../../fakes/index.ts';
import { freePort } from '../../support/index.ts';
import { expectAllServed, type Rig, startRig, tried } from './rig.ts';

/** Ways in which a first provider fails, each with a backend `x-NAME` of its own: a cooldown lasts beyond its test. */
const FAULTS = {
  'status-500': { status: 500 },
  'status-503': { status: 503 },
  'status-429': { status: 429 },
  'retry-after': { status: 429, headers: { 'retry-after': '30' } },
  reset: { reset: true },
} as const;

/** Providers that nobody can be reached at. */
const UNREACHABLE = ['refused', 'unresolved', 'wrong-name', 'wrong-ca', 'plain-to-tls', 'tls-to-plain', 'half-headers'];

/** Answers with half of its headers and resets the connection. */
async function startHalfHeaders(): Promise<Server> {
  const server = createServer((socket) => {
    socket.on('error', () => socket.destroy());
    socket.once('data', () => {
      socket.write('HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nx-ha', () => socket.resetAndDestroy());
    });
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  return server;
}

describe('failover under load', function () {
  this.timeout(120_000);
  let rig: Rig;
  let halfHeaders: Server;

  before(async () => {
    halfHeaders = await startHalfHeaders();
    const { cert: ca } = await testCa();
    const { cert: otherCa } = await testCa('other-ca');
    const dead = await freePort();
    rig = await startRig(
      {
        x: {},
        b: {},
        tls: { tls: { names: ['tls.example'] } },
      },
      (at) => ({
        backends: {
          b: at('b'),
          ...Object.fromEntries(Object.keys(FAULTS).map((name) => [`x-${name}`, at('x')])),
          'x-half-headers': { port: (halfHeaders.address() as AddressInfo).port, key: 'sk-x' },
          'x-hang': at('x'),
          'x-one': at('x'),
          'x-refused': { port: dead, key: 'sk-x' },
          'x-unresolved': { endpoints: [{ fqdn: { hostname: 'absent.invalid', port: 80 } }], key: 'sk-x' },
          'x-wrong-name': at('tls', { tls: { hostname: 'other.example', ca } }),
          'x-wrong-ca': at('tls', { tls: { hostname: 'tls.example', ca: otherCa } }),
          'x-plain-to-tls': at('tls'),
          'x-tls-to-plain': at('x', { tls: { hostname: 'tls.example', ca } }),
        },
        models: {
          ...Object.fromEntries(
            [...Object.keys(FAULTS), ...UNREACHABLE].map((name) => [name, { refs: [`x-${name}`, 'b'] }]),
          ),
          equals: { refs: [{ name: 'x-one', weight: 2 }, { name: 'x-refused' }, { name: 'b', priority: 1 }] },
          hang: { refs: ['x-hang', 'b'], fields: { streamIdleTimeout: '400ms' } },
        },
      }),
    );
  });
  beforeEach(() => rig.reset());
  afterEach(() => rig.assertNoLeak());
  after(async () => {
    await rig?.stop();
    halfHeaders?.close();
  });

  it('is accepted by Envoy', async () => {
    expect(await rig.gateway.envoy.rejectedUpdates()).to.eql({});
    expect(rig.gateway.envoy.warnings).to.eql([]);
    expect(rig.gateway.findings()).to.eql([]);
  });

  for (const [name, fault] of Object.entries(FAULTS)) {
    for (const concurrency of [64, 128]) {
      it(`loses nothing at ${concurrency} when the first provider fails with ${name}`, async () => {
        rig.fake('x').fault = () => fault;
        const load = await rig.load(name, { concurrency, total: 2000 });
        expectAllServed(load, 2000);
        expect(load.byBackend).to.eql({ b: 2000 });
      });
    }
  }

  for (const name of UNREACHABLE) {
    it(`loses nothing at 128 when the first provider is ${name}`, async () => {
      const load = await rig.load(name, { concurrency: 128, total: 2000 });
      expectAllServed(load, 2000);
      const one = await rig.ask(name);
      expect(tried(one)).to.eql([`x-${name}`, 'b']);
      expect(rig.fake('x').requests).to.eql([]);
    });
  }

  it('loses no stream at 64 when two of three providers fail, each in its way', async () => {
    rig.fake('x').fault = (_request, n) => [{ status: 503 }, { reset: true }, { status: 429 }][n % 3];
    const load = await rig.load('equals', { concurrency: 64, total: 2000, body: { stream: true } });
    expectAllServed(load, 2000);
    expect(load.byBackend).to.eql({ b: 2000 });
  });

  it('loses nothing at 128 when the first provider is silent', async () => {
    rig.fake('x').fault = () => ({ hang: true });
    const load = await rig.load('hang', { concurrency: 128, total: 2000 });
    expectAllServed(load, 2000);
  });
});
