/** What clients do, as the metrics of the control plane say it. */
import { expect } from 'chai';
import { type ControlPlane, createControlPlane } from '../../src/cli/control-plane.ts';
import { DEFAULT_COMPILE_OPTIONS } from '../../src/envoy/index.ts';
import { DEFAULT_POLICY_OPTIONS } from '../../src/policy/index.ts';
import { createStaticSource, type ReadResult, readSources, type StaticSource } from '../../src/sources/index.ts';
import { createMetrics, type Metrics, silentLogger } from '../../src/telemetry/index.ts';
import { gatewayYaml, object } from '../envoy/support/objects.ts';
import { connect } from './client.ts';
import { TYPE, until, VARIANTS } from './fixture.ts';

const NOTHING = { clients: 0, waiting: 0, staleSeconds: 0, findings: { error: 0, warning: 0, info: 0 } };

/** `unused` makes it another revision of the same meaning. */
async function read(port: number, unused = 'a'): Promise<Extract<ReadResult, { ok: true }>> {
  const yaml = gatewayYaml({
    port,
    backends: { a: { port: 9 } },
    models: { m: { refs: ['a'] } },
    extra: [object('v1', 'ConfigMap', unused, { data: {} })],
  });
  const result = await readSources(['-'], { env: {}, stdin: async () => yaml });
  if (!result.ok) throw new Error(JSON.stringify(result.findings));
  return result;
}

describe('metrics of xDS', () => {
  let metrics: Metrics;
  let source: StaticSource;
  let plane: ControlPlane;
  let port: number;
  beforeEach(async () => {
    metrics = createMetrics({ version: '0', envoyApi: '0' }, () => NOTHING);
    source = createStaticSource((await read(10_081)).set);
    plane = createControlPlane({
      source,
      logger: silentLogger,
      policy: DEFAULT_POLICY_OPTIONS,
      compile: DEFAULT_COMPILE_OPTIONS,
      allowMassRemoval: true,
      metrics,
    });
    ({ port } = await plane.start({ host: '127.0.0.1', port: 0 }));
  });
  afterEach(() => plane.close(0));

  /** The series of a metric that have counted anything, without the buckets. */
  async function series(name: string): Promise<string[]> {
    const lines = (await metrics.expose()).split('\n');
    return lines.filter((line) => line.startsWith(name) && !/_(bucket|sum)\{/.test(line) && !line.endsWith(' 0'));
  }

  /** Waits until a metric has these series. */
  async function expectSeries(name: string, expected: string[]): Promise<void> {
    for (const deadline = performance.now() + 3000; performance.now() < deadline; ) {
      if ((await series(name)).join() === expected.join()) return;
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    expect(await series(name)).to.deep.equal(expected);
  }

  for (const variant of VARIANTS) {
    it(`count answers and streams, whatever clients ask for, ${variant}`, async () => {
      const client = connect({ port, variant, node: { id: 'n', cluster: 'default/gw' } });
      client.ask({ typeUrl: TYPE.cluster });
      client.ack(await client.next());
      for (const name of ['One', 'Two']) {
        client.ask({ typeUrl: `type.googleapis.com/made.up.${name}` });
        client.nack(await client.next(), 'no');
      }
      const gateway = 'gateway="default/gw"';
      await expectSeries('xds_push_seconds_count', [
        `xds_push_seconds_count{${gateway},type="Cluster"} 1`,
        `xds_push_seconds_count{${gateway},type="other"} 2`,
      ]);
      await expectSeries('xds_nack_total', [`xds_nack_total{${gateway},type="other"} 2`]);
      await expectSeries('xds_stream_duration_seconds_count', []);
      client.close();
      await expectSeries('xds_stream_duration_seconds_count', [
        `xds_stream_duration_seconds_count{${gateway},variant="${variant}"} 1`,
      ]);
      const stranger = connect({ port, variant, node: { id: 'n', cluster: 'default/unknown' } });
      stranger.ask({ typeUrl: TYPE.cluster });
      await until(() => plane.status().nodes.some(({ waiting }) => waiting), 'the stranger');
      stranger.close();
      await expectSeries('xds_stream_duration_seconds_count', [
        `xds_stream_duration_seconds_count{${gateway},variant="${variant}"} 1`,
        `xds_stream_duration_seconds_count{gateway="none",variant="${variant}"} 1`,
      ]);
    });
  }

  it('count snapshots that are new, and those that have changed', async () => {
    const client = connect({ port, variant: 'delta', node: { id: 'n', cluster: 'default/gw' } });
    client.ask({ typeUrl: TYPE.cluster });
    await client.next();
    await expectSeries('xds_snapshot_create_total', ['xds_snapshot_create_total{gateway="default/gw"} 1']);
    await expectSeries('xds_snapshot_update_total', []);
    source.replace(await read(10_081, 'b'));
    await expectSeries('config_revisions_total', ['config_revisions_total{result="served"} 2']);
    expect(await series('xds_snapshot_update_total')).to.deep.equal([]);
    source.replace(await read(10_082));
    await expectSeries('xds_snapshot_update_total', ['xds_snapshot_update_total{gateway="default/gw"} 1']);
    await expectSeries('xds_snapshot_create_total', ['xds_snapshot_create_total{gateway="default/gw"} 1']);
    client.close();
  });
});
