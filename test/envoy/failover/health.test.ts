import { expect } from 'chai';
import { until } from '../../support/index.ts';
import { expectAllServed, type Rig, startRig } from './rig.ts';

describe('failover: health of endpoints', function () {
  this.timeout(60_000);
  let rig: Rig;

  before(async () => {
    const passive = {
      consecutive5XxErrors: 3,
      interval: '100ms',
      baseEjectionTime: '1s',
      maxEjectionPercent: 100,
    };
    rig = await startRig(
      { a: {}, a2: { keys: ['sk-a'] }, b: {}, b2: { keys: ['sk-b'] }, p: {}, q: {} },
      (at, fake) => ({
        backends: {
          ...Object.fromEntries(['ejected', 'pair', 'narrow', 'lone'].map((name) => [`b-${name}`, at('b')])),
          ejected: at('a'),
          pair: at('a', {
            endpoints: ['a', 'a2'].map((name) => ({ ip: { address: '127.0.0.1', port: fake(name).port } })),
          }),
          // Faults of other tests must not show in their probes.
          probed: at('p'),
          'b-probed': at('q'),
          narrow: at('a'),
          moving: at('b'),
          lone: at('a'),
        },
        models: {
          moving: { refs: ['moving'] },
          ejected: { refs: ['ejected', 'b-ejected'], policy: { healthCheck: { passive } } },
          pair: {
            refs: ['pair', 'b-pair'],
            policy: { healthCheck: { passive: { ...passive, baseEjectionTime: '30s' } } },
          },
          probed: {
            refs: ['probed', 'b-probed'],
            policy: {
              healthCheck: {
                active: {
                  type: 'HTTP',
                  http: { path: '/health', expectedStatuses: [404] },
                  interval: '100ms',
                  timeout: '1s',
                },
              },
            },
          },
          narrow: {
            refs: ['narrow', 'b-narrow'],
            policy: { circuitBreaker: { maxParallelRequests: 1, maxPendingRequests: 1 } },
          },
          lone: {
            refs: ['lone', 'b-lone'],
            policy: {
              healthCheck: {
                passive: { ...passive, baseEjectionTime: '30s', maxEjectionPercent: 10, alwaysEjectOneEndpoint: true },
              },
            },
          },
        },
      }),
    );
  });
  beforeEach(() => rig.reset());
  afterEach(() => rig.assertNoLeak());
  after(() => rig?.stop());

  const ejections = (backend: string): Promise<number> =>
    rig.gateway.envoy.stat(`cluster.AIServiceBackend/default/${backend}.outlier_detection.ejections_active`);

  it('is accepted by Envoy', async () => {
    expect(rig.gateway.findings()).to.eql([]);
    expect(await rig.gateway.envoy.rejectedUpdates()).to.eql({});
  });

  it('loses nothing when the first provider is ejected, and takes it back', async () => {
    rig.fake('a').fault = () => ({ status: 500 });
    expectAllServed(await rig.load('ejected', { concurrency: 64, total: 2000 }), 2000);
    // The load may have outlasted the ejection: it is made anew.
    const response = await until(
      async () => {
        const one = await rig.ask('ejected');
        return one.headers['x-headgate-tried']?.startsWith('default/ejected=no-endpoint') && one;
      },
      { what: 'the ejection' },
    );
    expect(response.headers).to.include({
      'x-fake': 'b',
      'x-headgate-tried': 'default/ejected=no-endpoint,default/b-ejected=200',
    });
    expect(response.headers).not.to.have.property('x-headgate-sentinel');
    rig.fake('a').fault = undefined;
    rig.fake('b').fault = () => ({ status: 500 });
    await until(async () => (await rig.ask('ejected')).status === 200, {
      what: 'the end of the ejection',
      timeoutMs: 30_000,
    });
    expect((await rig.ask('ejected')).headers['x-fake']).to.equal('a');
  });

  it('answers in the words of the API when nobody has an endpoint', async () => {
    rig.fake('a').fault = () => ({ status: 500 });
    rig.fake('b').fault = () => ({ status: 500 });
    const response = await until(
      async () => {
        const one = await rig.ask('lone');
        return one.headers['x-headgate-tried'] === 'default/lone=no-endpoint,default/b-lone=no-endpoint' && one;
      },
      { what: 'the ejection of both' },
    );
    expect(response.status).to.equal(503);
    expect(response.headers['content-type']).to.equal('application/json');
    expect(response.json).to.have.nested.property('error.message', 'No backend could serve the request.');
    expect(response.headers).not.to.have.any.keys('x-headgate-sentinel', 'x-headgate-backend');
  });

  it('does not send anybody past an endpoint that is healthy', async () => {
    rig.fake('a').fault = () => ({ status: 500 });
    await rig.load('pair', { concurrency: 16, total: 200 });
    await until(async () => (await ejections('pair')) === 1, { what: 'the ejection' });
    await rig.reset();
    const load = await rig.load('pair', { concurrency: 16, total: 300 });
    expect(load.byBackend).to.eql({ a2: 300 });
  });

  it('goes on while probes fail, and comes back', async () => {
    await until(async () => (await rig.ask('probed')).headers['x-fake'] === 'p', { what: 'the first probes' });
    await rig.fake('p').refuse();
    await until(async () => (await rig.ask('probed')).headers['x-headgate-tried']?.includes('no-endpoint'), {
      what: 'probes that fail',
    });
    expectAllServed(await rig.load('probed', { concurrency: 64, total: 2000 }), 2000);
    await rig.fake('p').accept();
    await until(async () => (await rig.ask('probed')).headers['x-fake'] === 'p', { what: 'probes that succeed' });
  });

  it('answers 503 where a policy limits the requests to a provider: Envoy does not retry that', async () => {
    rig.fake('a').fault = () => ({ delayMs: 5 });
    const load = await rig.load('narrow', { concurrency: 16, total: 100 });
    expect(load.errors).to.eql({});
    expect(Object.keys(load.byStatus).sort()).to.eql(['200', '503']);
    expect(load.byBackend).not.to.have.property('b');
  });

  it('takes a change of endpoints without touching the cluster, losing nothing', async () => {
    const name = 'AIServiceBackend/default/moving/plain';
    const clusterOf = async (): Promise<unknown> => {
      const { configs } = await rig.gateway.envoy.configDump();
      const dump = configs.find((one) => String(one['@type']).endsWith('ClustersConfigDump'));
      const clusters = (dump?.dynamic_active_clusters ?? []) as { cluster: { name: string } }[];
      return clusters.find(({ cluster }) => cluster.name === name);
    };
    const counts = (): Promise<Record<string, number>> =>
      rig.gateway.envoy.stats(
        'cluster_manager.cluster_(added|modified|removed)$|listener_manager.(listener_modified|lds.update_success)$|rds.*config_reload$',
      );
    const before = [await clusterOf(), await counts()];
    const updates = await rig.gateway.envoy.stat(`cluster.${name}.update_success`);
    const running = rig.load('moving', { concurrency: 64, total: 2000 });
    await until(() => rig.fake('b').requests.length > 200, { what: 'the load' });
    await rig.apply((facts) => ({
      ...facts,
      backends: { ...facts.backends, moving: { port: rig.fake('b2').port, key: 'sk-b' } },
    }));
    await until(async () => (await rig.gateway.envoy.stat(`cluster.${name}.update_success`)) > updates, {
      what: 'the change of endpoints',
    });
    const load = await running;
    expectAllServed(load, 2000);
    expect(load.byBackend).to.have.all.keys('b', 'b2');
    expect(await clusterOf()).to.eql(before[0]);
    expect(await counts()).to.eql(before[1]);
  });
});
