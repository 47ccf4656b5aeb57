/** `headgate serve --ratelimit-address` with a `headgate ratelimit --xds` beside it: limits hold, and change with policy. */
import { createServer } from 'node:net';
import { expect } from 'chai';
import type { Budgets } from '../../src/ratelimit/index.ts';
import { costRule, PER_TENANT } from '../envoy/limits/rig.ts';
import { type GatewayFacts, object } from '../envoy/support/objects.ts';
import { type Fake, OPENAI_KEY, startOpenAi } from '../fakes/index.ts';
import { type ClientResponse, freePort, postJson, until } from '../support/index.ts';
import { build, type Running, runOnce, startCommand } from './running.ts';
import { makeSite, type Site, statusOf, synced } from './site.ts';

const ROOM = 100;
/** Of one answer. */
const TOKENS = 10;

describe('headgate ratelimit --xds', function () {
  this.timeout(120_000);
  let fake: Fake;
  let site: Site;
  const services: Running[] = [];

  before(async () => {
    build();
    fake = await startOpenAi({ name: 'provider' });
    fake.settings.usage = { input: 4, output: 6 };
  });
  after(() => fake.close());
  beforeEach(async () => {
    site = await makeSite(facts(ROOM));
  });
  afterEach(async () => {
    await site.stop();
    await Promise.all(services.splice(0).map((one) => one.stop()));
  });

  function facts(room: number): Omit<GatewayFacts, 'port'> {
    return {
      backends: { p: { port: fake.port, key: OPENAI_KEY } },
      models: {
        m: { refs: ['p'], route: { llmRequestCosts: [{ metadataKey: 'total', type: 'TotalToken' }] } },
      },
      extra: [
        object('gateway.envoyproxy.io/v1alpha1', 'BackendTrafficPolicy', 'm', {
          spec: {
            targetRefs: [{ group: 'gateway.networking.k8s.io', kind: 'HTTPRoute', name: 'm' }],
            rateLimit: { global: { rules: [costRule(room, 'total', PER_TENANT)] } },
          },
        }),
      ],
    };
  }

  async function service(xds: number, ...flags: string[]): Promise<Running> {
    const running = await startCommand(['ratelimit', '--xds', `127.0.0.1:${xds}`, ...flags]);
    services.push(running);
    return running;
  }

  const ask = (tenant: string): Promise<ClientResponse> => {
    const body = { model: 'm', messages: [{ role: 'user', content: 'Hello' }] };
    return postJson(site.port, '/v1/chat/completions', body, { 'x-tenant': tenant });
  };

  const usedOf = ({ budgets }: Budgets, tenant: string): number =>
    budgets.find(({ entries }) => entries.some(({ value }) => value === tenant))?.used ?? 0;
  const usedBy = async (running: Running, tenant: string): Promise<number> =>
    usedOf((await (await fetch(`${running.admin}/api/budgets?max=100`)).json()) as Budgets, tenant);

  /** Asks, one after the other, until it is refused. Shape: how many were served before. */
  async function servedUntilRefused(running: Running, tenant: string): Promise<number> {
    const before = await usedBy(running, tenant);
    for (let served = 0; ; served++) {
      const answer = await ask(tenant);
      if (answer.status === 429) {
        expect(Number(answer.headers['retry-after'])).to.be.greaterThan(0);
        expect(answer.json).to.have.nested.property('error.code', 'rate_limit_exceeded');
        return served;
      }
      expect(answer.status, answer.text).to.equal(200);
      expect(served, 'requests without end').to.be.lessThan(100);
      // The charge follows the answer.
      const after = before + (served + 1) * TOKENS;
      await until(async () => (await usedBy(running, tenant)) === after, { what: `a charge, ${after} in all` });
    }
  }

  it('keeps the limits of the control plane, which change with policy, and outlive the control plane', async () => {
    const port = await freePort();
    const xds = await freePort();
    const limits = await service(xds, '--address', `:${port}`);
    await limits.says('waiting for the first limits');
    const flags = ['--xds-address', `:${xds}`, '--ratelimit-address', `127.0.0.1:${port}`];
    const server = await site.serve(...flags);
    await limits.says('rate limit service listening');
    await site.envoy(xds);
    await synced(server, 2);

    expect(await servedUntilRefused(limits, 'a')).to.equal(ROOM / TOKENS);
    expect((await ask('b')).status).to.equal(200);
    const shown = runOnce(['status', '--budgets', '--server', limits.admin, '-o', 'json']);
    expect(usedOf(JSON.parse(shown.stdout), 'a')).to.equal(ROOM);

    site.write(facts(ROOM + 5 * TOKENS));
    await until(async () => (await ask('a')).status === 200, { what: 'more room' });
    await until(async () => (await usedBy(limits, 'a')) === ROOM + TOKENS, { what: 'its charge' });
    expect((await servedUntilRefused(limits, 'a')) + 1).to.equal(5);
    const { nodes, findings } = await statusOf(server);
    expect(nodes.flatMap(({ types }) => types.map(({ typeUrl }) => typeUrl))).to.include(
      'type.googleapis.com/xds.type.v3.TypedStruct',
    );
    expect(findings).to.deep.equal([]);

    server.child.kill('SIGKILL');
    await server.ended;
    expect((await ask('a')).status).to.equal(429);
    expect((await ask('c')).status).to.equal(200);
    site.write(facts(ROOM + 6 * TOKENS));
    const next = await site.serve(...flags);
    await synced(next, 2);
    await until(async () => (await ask('a')).status === 200, { what: 'more room from the next control plane' });
    expect(await limits.stop()).to.equal(0);
  });

  it('ends while it waits for the first limits, and where its ports are taken', async () => {
    const waiting = await service(await freePort());
    await waiting.says('waiting for the first limits');
    expect(await waiting.stop()).to.equal(0);

    const server = await site.serve('--ratelimit-address', `127.0.0.1:${await freePort()}`);
    const taken = createServer();
    const port = await freePort();
    await new Promise<void>((resolve) => taken.listen(port, '127.0.0.1', resolve));
    try {
      for (const flag of ['--address', '--admin-address']) {
        const running = await service(server.port('--xds-address'), flag, `:${port}`);
        expect(await running.ended, flag).to.equal(3);
        expect(running.stderr()).to.include(`127.0.0.1:${port} is in use`);
      }
    } finally {
      taken.close();
    }
  });

  it('is told to serve in ways that contradict each other', () => {
    const wrong = [
      ['serve', site.folder, '--ratelimit-tls-ca', 'a'],
      ['serve', site.folder, '--processor-ca', 'a'],
      ['serve', site.folder, '--processor', 'unix:/socket', '--processor-ca', 'a'],
      ['serve', site.folder, '--processor', ':1', '--processor-cert', 'a', '--processor-key', 'b'],
      ['ratelimit', '--xds', ':1', '--config', 'a'],
    ];
    for (const args of wrong) expect(runOnce(args), args.join(' ')).to.include({ status: 2, stdout: '' });
    const unreadable = ['serve', site.folder, '--processor', '127.0.0.1:1', '--processor-ca', '/nowhere/ca.pem'];
    expect(runOnce(unreadable).status).to.equal(1);
  });
});
