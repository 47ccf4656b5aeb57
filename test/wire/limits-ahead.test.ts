/** Routes with new limits wait for the rate limit services that are connected: with raw clients that answer late. */
import { expect } from 'chai';
import { type ControlPlane, createControlPlane } from '../../src/cli/control-plane.ts';
import { DEFAULT_COMPILE_OPTIONS } from '../../src/envoy/index.ts';
import { typeUrl } from '../../src/envoy/schema/index.ts';
import { DEFAULT_POLICY_OPTIONS } from '../../src/policy/index.ts';
import { createStaticSource, type ReadResult, readSources, type StaticSource } from '../../src/sources/index.ts';
import { createMetrics, silentLogger } from '../../src/telemetry/index.ts';
import { gatewayYaml, object } from '../envoy/support/objects.ts';
import { connect, type RawClient, type Received } from './client.ts';
import { subscription, TYPE, until } from './fixture.ts';

const LIMITS = typeUrl('xds.type.v3.TypedStruct');
const GW = 'gateway.networking.k8s.io';
const LISTENER = 18_080;
const ROUTES = `Gateway/default/gw/port/${LISTENER}`;

describe('xDS: limits before routes', () => {
  let plane: ControlPlane;
  let source: StaticSource;
  let port: number;
  const clients: RawClient[] = [];
  beforeEach(async () => {
    source = createStaticSource((await read(1)).set);
    plane = createControlPlane({
      source,
      logger: silentLogger,
      policy: DEFAULT_POLICY_OPTIONS,
      compile: { ...DEFAULT_COMPILE_OPTIONS, rateLimit: { host: '127.0.0.1', port: 9 } },
      allowMassRemoval: true,
      metrics: createMetrics({ version: '0', envoyApi: '0' }, () => ({
        clients: 0,
        waiting: 0,
        staleSeconds: 0,
        findings: { error: 0, warning: 0, info: 0 },
      })),
    });
    ({ port } = await plane.start({ host: '127.0.0.1', port: 0 }));
  });
  afterEach(async () => {
    for (const client of clients.splice(0)) client.close();
    await plane.close(0);
  });

  /** A client that has what is served. */
  async function open(type: string, names: string[], id: string, cluster: string): Promise<RawClient> {
    const client = connect({ port, variant: 'sotw', node: { id, cluster } });
    clients.push(client);
    client.ask(subscription('sotw', type, names));
    client.ack(await client.next(), names);
    await until(() => plane.status().nodes.find(({ node }) => node.id === id)?.synced === true, `${id} has all`);
    return client;
  }
  const service = (id = 'limits') => open(LIMITS, [], id, '');
  const proxy = () => open(TYPE.route, [ROUTES], 'proxy', 'default/gw');
  const change = async (...facts: Parameters<typeof read>) => source.replace(await read(...facts));
  const speaksOf = ({ raw }: Received, name: string) => raw.includes(name);

  it('a service that has not acknowledged holds them up, and its acknowledgement lets them go', async () => {
    const [limits, envoy] = [await service(), await proxy()];
    await change(2);
    const news = await limits.next();
    await envoy.quiet(400);
    expect(speaksOf(news, 'generation-1') && speaksOf(news, 'generation-2'), 'both').to.equal(true);
    limits.ack(news);
    expect(speaksOf(await envoy.next(), 'generation-2')).to.equal(true);
  });

  it('all services have to', async () => {
    const [first, second, envoy] = [await service('first'), await service('second'), await proxy()];
    await change(2);
    first.ack(await first.next());
    await envoy.quiet(400);
    second.ack(await second.next());
    await envoy.next();
  });

  it('the newest routes go out, once, for a change while they wait', async () => {
    const [limits, envoy] = [await service(), await proxy()];
    await change(2);
    const older = await limits.next();
    await change(3);
    limits.ack(older);
    const newer = await limits.next();
    await envoy.quiet(200);
    limits.ack(newer);
    expect(speaksOf(await envoy.next(), 'generation-3')).to.equal(true);
    await envoy.quiet(200);
  });

  it('a service that goes, or rejects, holds up nothing', async () => {
    const [gone, envoy] = [await service('gone'), await proxy()];
    await change(2);
    await gone.next();
    gone.close();
    envoy.ack(await envoy.next(), [ROUTES]);
    const wrong = await service('wrong');
    await change(3);
    wrong.nack(await wrong.next(), 'no such unit');
    await envoy.next();
  });

  it('one that says nothing, for a while', async function () {
    this.timeout(25_000);
    const [limits, envoy] = [await service(), await proxy()];
    await change(2);
    await limits.next();
    await envoy.quiet(400);
    expect(speaksOf(await envoy.next(20_000), 'generation-2')).to.equal(true);
  });

  it('a change that is not of limits waits for nobody', async () => {
    const [limits, envoy] = [await service(), await proxy()];
    await change(2);
    const news = await limits.next();
    limits.ack(news);
    envoy.ack(await envoy.next(), [ROUTES]);
    await change(2, 'another-name');
    expect(speaksOf(await envoy.next(), 'another-name')).to.equal(true);
    await limits.quiet();
  });
});

/** A gateway with one route, whose limit has the name `generation-N`, and another one without limits. */
async function read(generation: number, free = 'free'): Promise<Extract<ReadResult, { ok: true }>> {
  const name = `generation-${generation}`;
  const targetRefs = [{ group: GW, kind: 'HTTPRoute', name: 'limited' }];
  const rateLimit = { global: { rules: [{ limit: { requests: 1, unit: 'Hour' } }] } };
  const web = { group: 'gateway.envoyproxy.io', kind: 'Backend', name: 'web' };
  const route = (path: string) =>
    object(`${GW}/v1`, 'HTTPRoute', path, {
      spec: {
        parentRefs: [{ name: 'gw' }],
        rules: [{ matches: [{ path: { value: `/${path}` } }], backendRefs: [web] }],
      },
    });
  const yaml = gatewayYaml({
    port: LISTENER,
    backends: { web: { port: 9 } },
    models: {},
    extra: [
      route('limited'),
      route(free),
      object('gateway.envoyproxy.io/v1alpha1', 'BackendTrafficPolicy', name, { spec: { targetRefs, rateLimit } }),
    ],
  });
  const result = await readSources(['-'], { env: {}, stdin: async () => yaml });
  if (!result.ok) throw new Error('refused');
  return result;
}
