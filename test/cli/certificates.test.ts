/** `headgate serve` with mTLS: certificates and authorities of both sides change while requests go on. */
import { mkdirSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type ChannelCredentials, credentials } from '@grpc/grpc-js';
import { expect } from 'chai';
import { TYPE } from '../../src/xds/index.ts';
import type { GatewayFacts } from '../envoy/support/objects.ts';
import { type Fake, type Identity, OPENAI_KEY, startOpenAi, type TestCa, testCa } from '../fakes/index.ts';
import { postJson, tempDir, until } from '../support/index.ts';
import { connect } from '../wire/client.ts';
import { watchHealth } from './health.ts';
import { build } from './running.ts';
import { constantLoad, makeSite, type Site, statusOf, synced } from './site.ts';

/** The handshake failed. */
const UNAVAILABLE = 14;
const EDGE = 'spiffe://test/edge';

describe('headgate serve: certificates', function () {
  this.timeout(120_000);
  let fake: Fake;
  let site: Site;
  let old: TestCa;
  let next: TestCa;
  let folder: string;

  before(async () => {
    build();
    fake = await startOpenAi({ name: 'provider' });
    [old, next] = [await testCa(), await testCa('next')];
  });
  after(() => fake.close());
  beforeEach(async () => {
    site = await makeSite(facts(['a']));
    folder = tempDir('certificates');
    for (const side of ['server', 'edge']) mkdirSync(join(folder, side));
    put('rules.yaml', `- {san: '${EDGE}', gateways: [default/gw], nodeIds: ['edge-*']}\n`);
    putIdentity('server', await old.issue('127.0.0.1'));
    putIdentity('edge', await old.issue(EDGE));
    trust('server', old);
    trust('edge', old);
  });
  afterEach(() => site.stop());

  const facts = (models: readonly string[]): Omit<GatewayFacts, 'port'> => ({
    backends: { p: { port: fake.port, key: OPENAI_KEY } },
    models: Object.fromEntries(models.map((model) => [model, { refs: ['p'] }])),
  });

  /** In one step, as whoever renews certificates does it: Envoy looks at files that take another's place. */
  function put(name: string, text: string): void {
    writeFileSync(join(folder, `${name}.tmp`), text);
    renameSync(join(folder, `${name}.tmp`), join(folder, name));
  }
  function putIdentity(side: 'server' | 'edge', { cert, key }: Identity): void {
    put(`${side}/tls.crt`, cert);
    put(`${side}/tls.key`, key);
  }
  function trust(side: 'server' | 'edge', ...authorities: TestCa[]): void {
    put(`${side}/ca.pem`, authorities.map(({ cert }) => cert).join(''));
  }
  const flagsOf = (side: 'server' | 'edge', ca: string): string[] => [
    ...['--tls-cert', join(folder, side, 'tls.crt'), '--tls-key', join(folder, side, 'tls.key')],
    ...[ca, join(folder, side, 'ca.pem')],
  ];
  const serve = (...more: string[]) =>
    site.serve(...flagsOf('server', '--tls-client-ca'), '--authorize', join(folder, 'rules.yaml'), ...more);
  const envoy = (xds: number) => {
    const secrets = ['--tls-secrets', join(folder, 'secrets'), '--node-id', 'edge-1'];
    return site.envoy(xds, { flags: [...flagsOf('edge', '--tls-ca'), ...secrets] });
  };
  const clientOf = (ca: TestCa, { cert, key }: Identity) =>
    credentials.createSsl(Buffer.from(ca.cert), Buffer.from(key), Buffer.from(cert));

  it('takes new certificates and authorities of both sides over, without a request lost', async () => {
    const first = await serve();
    const xds = first.port('--xds-address');
    const edge = await envoy(xds);
    await synced(first);
    const update = async (change: () => Promise<void> | void): Promise<void> => {
      const count = () => edge.stat('cluster.headgate_xds.client_ssl_socket_factory.ssl_context_update_by_sds');
      const before = await count();
      await change();
      await until(async () => (await count()) > before, { what: 'Envoy to take its files over' });
    };
    const endLoad = constantLoad(site, 'a');

    trust('server', old, next);
    await update(() => trust('edge', old, next));
    putIdentity('server', await next.issue('127.0.0.1'));
    await update(async () => putIdentity('edge', await next.issue(EDGE)));
    trust('server', next);
    await update(() => trust('edge', next));

    // Whoever comes to the running server now needs the new ones.
    const at = `127.0.0.1:${xds}`;
    const [before, after] = [await old.issue(EDGE), await next.issue(EDGE)];
    const taken = async (tls: ChannelCredentials): Promise<boolean> => {
      const health = watchHealth(at, tls);
      const isServed = await Promise.race([
        health.ended.then((status) => status !== UNAVAILABLE),
        until(() => health.states.length > 0, { what: 'a state' }).then(() => true),
      ]);
      health.close();
      return isServed;
    };
    await until(() => taken(clientOf(next, after)), { what: 'the server to take its files over' });
    for (const stranger of [clientOf(next, before), clientOf(old, after)]) {
      await until(async () => !(await taken(stranger)), { what: 'the server to refuse what was trusted' });
    }
    // The open stream of Envoy lives on; it has to show its new ones when it comes back.
    expect(await edge.stat('cluster.headgate_xds.upstream_cx_total')).to.equal(1);
    await first.stop();
    const second = await serve('--xds-address', `:${xds}`);
    await synced(second);
    site.write(facts(['a', 'b']));
    const ask = () =>
      postJson(site.port, '/v1/chat/completions', { model: 'b', messages: [{ role: 'user', content: 'Hello' }] });
    await until(async () => (await ask()).status === 200, { what: 'what is new' });
    const { byStatus, errors, sent } = await endLoad();
    expect({ byStatus, errors }).to.deep.equal({ byStatus: { 200: sent }, errors: {} });
  });

  it('gives a certificate of one gateway nothing of another, whatever it asks for', async () => {
    const server = await serve();
    const port = server.port('--xds-address');
    const tls = clientOf(old, await old.issue(EDGE));
    const asked = [
      { typeUrl: TYPE.secret, node: { id: 'edge-1', cluster: 'default/other' } },
      { typeUrl: TYPE.secret, node: { id: 'core-1', cluster: 'default/gw' } },
      // The limits of all, as a rate limit service asks for them.
      { typeUrl: TYPE.typedStruct, node: { id: 'edge-1', cluster: '' } },
    ];
    for (const variant of ['delta', 'sotw'] as const) {
      for (const { typeUrl, node } of asked) {
        const client = connect({ port, variant, tls, node });
        client.ask({ typeUrl, ...(variant === 'delta' ? { subscribe: ['*'] } : { names: ['*'] }) });
        expect((await client.status()).code, `${variant} ${typeUrl} ${node.id}`).to.equal(7);
        client.close();
      }
    }
    const { nodes } = await statusOf(server);
    expect(nodes).to.deep.equal([]);
    expect(server.stderr()).to.include('may not ask for gateway default/other').and.include('may not be node core-1');
    expect(server.stderr()).to.not.include(OPENAI_KEY);
  });
});
