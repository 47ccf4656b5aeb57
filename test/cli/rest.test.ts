/** `headgate serve --xds-rest-address` with mTLS: who is answered, and an Envoy that has nothing but this port. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { type Fake, type Identity, OPENAI_KEY, startOpenAi, type TestCa, testCa } from '../fakes/index.ts';
import { freePort, postJson, request, tempDir, until } from '../support/index.ts';
import { build, type Running } from './running.ts';
import { makeSite, type Site, statusOf } from './site.ts';

const EDGE = 'spiffe://test/edge';
const CLUSTER = 'headgate_rest';
/** As Envoy 1.40 tells it. */
const VERSION = {
  user_agent_name: 'envoy',
  user_agent_build_version: { version: { major_number: 1, minor_number: 40 } },
};

describe('headgate serve: REST xDS', function () {
  this.timeout(120_000);
  let fake: Fake;
  let site: Site;
  let ca: TestCa;
  let edge: Identity;
  let server: Running;
  let port: number;
  const folder = tempDir('rest');
  const file = (name: string): string => join(folder, name);

  before(async () => {
    build();
    fake = await startOpenAi({ name: 'provider' });
    ca = await testCa();
    edge = await ca.issue(EDGE);
  });
  after(() => fake.close());
  beforeEach(async () => {
    site = await makeSite({
      backends: { p: { port: fake.port, key: OPENAI_KEY } },
      models: { a: { refs: ['p'] } },
    });
    putIdentity(await ca.issue('127.0.0.1', 'localhost'));
    writeFileSync(file('rules.yaml'), `- {san: '${EDGE}', gateways: [default/gw], nodeIds: ['edge-*']}\n`);
    port = await freePort();
    server = await site.serve(
      ...['--xds-rest-address', `:${port}`, '--tls-cert', file('tls.crt'), '--tls-key', file('tls.key')],
      ...['--tls-client-ca', ca.certPath, '--authorize', file('rules.yaml')],
    );
  });
  afterEach(() => site.stop());

  function putIdentity({ cert, key }: Identity): void {
    writeFileSync(file('tls.crt'), cert);
    writeFileSync(file('tls.key'), key);
  }

  interface Asked {
    readonly node?: object;
    readonly version?: string;
    readonly identity?: Identity | undefined;
    readonly authority?: TestCa;
  }
  const poll = (what: string, { node = { id: 'edge-1', cluster: 'default/gw', ...VERSION }, ...asked }: Asked = {}) => {
    const { cert, key } = 'identity' in asked ? (asked.identity ?? {}) : edge;
    return request({
      port,
      path: `/v3/discovery:${what}`,
      body: { node, version_info: asked.version ?? '' },
      tls: { ca: (asked.authority ?? ca).cert, serverName: 'localhost', ...(cert && key && { cert, key }) },
    });
  };

  it('X-05: gives a certificate what is of its gateway, and 304 while that is current', async () => {
    const first = await poll('clusters');
    expect(first.status).to.equal(200);
    const { version_info: version, resources } = first.json as { version_info: string; resources: object[] };
    expect(resources).to.not.deep.equal([]);
    expect((await poll('clusters', { version })).status).to.equal(304);
    expect((await poll('secrets')).text).to.include(OPENAI_KEY);
  });

  it('refuses another gateway, another node and a name without a rule, and says so in the log', async () => {
    const refused: Asked[] = [
      { node: { id: 'edge-1', cluster: 'default/other' } },
      { node: { id: 'core-1', cluster: 'default/gw' } },
      { node: { id: 'edge-1' } },
      { identity: await ca.issue('spiffe://test/nobody') },
    ];
    for (const asked of refused) {
      const { status, text } = await poll('secrets', asked);
      expect({ asked, status, code: JSON.parse(text).code }).to.deep.equal({
        asked,
        status: 403,
        code: 'permission_denied',
      });
      expect(text).to.not.include(OPENAI_KEY);
    }
    expect(server.stderr()).to.include('may not ask for gateway default/other').and.include('may not be node core-1');
    const metrics = await (await fetch(`${server.admin}/metrics`)).text();
    expect(metrics).to.match(new RegExp(`^xds_node_refused_total ${refused.length}$`, 'm'));
    // Rules that change count for the next poll.
    expect((await poll('clusters')).status).to.equal(200);
    writeFileSync(file('rules.yaml'), `- {san: '${EDGE}', gateways: [default/other]}\n`);
    await until(async () => (await poll('clusters')).status === 403, { what: 'the other rules to count' });
  });

  it('ends the handshake of a client without a certificate of its authorities', async () => {
    const strangers = await testCa('strangers');
    for (const identity of [undefined, await strangers.issue(EDGE)]) {
      const outcome = await poll('clusters', { identity }).then(
        ({ status }) => `answered ${status}`,
        (error: NodeJS.ErrnoException) => error.code,
      );
      expect(outcome).to.be.oneOf([
        'ECONNRESET',
        'EPIPE',
        'ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED',
        'ERR_SSL_TLSV1_ALERT_UNKNOWN_CA',
      ]);
    }
    const plain = await request({ port, path: '/v3/discovery:clusters', body: {} }).catch(() => undefined);
    expect(plain).to.equal(undefined);
  });

  it('takes new certificates over while it runs', async () => {
    const next = await testCa('next');
    expect((await poll('clusters')).status).to.equal(200);
    putIdentity(await next.issue('localhost'));
    await until(
      () =>
        poll('clusters', { authority: next }).then(
          ({ status }) => status === 200,
          () => false,
        ),
      {
        what: 'the new certificate',
      },
    );
  });

  it('X-05: serves an Envoy that has no other way, and ends at a signal while it polls', async () => {
    writeFileSync(file('edge.crt'), edge.cert);
    writeFileSync(file('edge.key'), edge.key);
    const tls = ['--tls-ca', ca.certPath, '--tls-cert', file('edge.crt'), '--tls-key', file('edge.key')];
    const envoy = await site.envoy(port, { flags: [...tls, '--node-id', 'edge-1'], change: overRest });
    const ask = () =>
      postJson(site.port, '/v1/chat/completions', { model: 'a', messages: [{ role: 'user', content: 'Hello' }] });
    await until(
      () =>
        ask().then(
          ({ status }) => status === 200,
          () => false,
        ),
      { what: 'a request to be answered' },
    );
    expect(await envoy.rejectedUpdates()).to.deep.equal({});
    expect((await statusOf(server)).nodes).to.deep.equal([]);
    expect(await server.stop()).to.equal(0);
    expect((await ask()).status).to.equal(200);
  });
});

/** A bootstrap that polls: as docs/fleet-security.md has it. */
function overRest(text: string): string {
  const bootstrap = JSON.parse(text);
  const source = {
    resource_api_version: 'V3',
    api_config_source: {
      api_type: 'REST',
      transport_api_version: 'V3',
      cluster_names: [CLUSTER],
      refresh_delay: '1s',
    },
  };
  bootstrap.node.metadata['headgate.dev/rest-cluster'] = CLUSTER;
  bootstrap.dynamic_resources = { cds_config: source, lds_config: source };
  const [cluster] = bootstrap.static_resources.clusters;
  cluster.name = CLUSTER;
  cluster.transport_socket.typed_config.common_tls_context.alpn_protocols = ['http/1.1'];
  delete cluster.typed_extension_protocol_options;
  return JSON.stringify(bootstrap);
}
