/** `headgate serve --processor`: the processor dies, ends, is not there, and comes back, while requests go on. */
import { join } from 'node:path';
import { expect } from 'chai';
import { type LoadResult, tempDir, until } from '../../support/index.ts';
import { build } from '../running.ts';
import { synced } from '../site.ts';
import { type FleetRig, startFleetRig } from './rig.ts';

const CLIENTS = 64;

/** An answer, and when its request was sent and answered. */
interface Seen {
  readonly status: number;
  readonly by: string | undefined;
  readonly json: unknown;
  readonly sentAt: number;
  readonly answeredAt: number;
}

describe('headgate serve --processor', function () {
  this.timeout(60_000);
  let rig: FleetRig;
  let socket: string;

  before(async () => {
    build();
    rig = await startFleetRig();
  });
  beforeEach(() => {
    socket = join(tempDir('processor'), 'socket');
  });
  afterEach(() => rig.reset());
  after(() => rig.close());

  const serving = (model: 'both' | 'alone', backend: string): Promise<boolean> =>
    until(async () => (await rig.ask(model)).headers['x-fake'] === backend, { what: `${backend} to serve ${model}` });

  /** Clients that ask for the model with a fallback until they are told to stop. */
  function loadBoth(): { readonly seen: readonly Seen[]; stop(): Promise<LoadResult> } {
    const seen: Seen[] = [];
    let isRunning = true;
    const load = rig.load('both', {
      concurrency: CLIENTS,
      total: 1_000_000,
      whileRunning: () => isRunning,
      onResponse({ status, headers, json, endAtMs }) {
        const answeredAt = performance.now();
        seen.push({ status, by: headers['x-fake'], json, sentAt: answeredAt - endAtMs, answeredAt });
      },
    });
    return {
      seen,
      stop() {
        isRunning = false;
        return load;
      },
    };
  }

  const answeredBy = (seen: readonly Seen[], backend: string, from: number): Promise<Seen> =>
    until(() => seen.find(({ by, sentAt }) => by === backend && sentAt > from), {
      what: `${backend} to answer a request of the load`,
      timeoutMs: 20_000,
    });

  it('loses what is in flight when it is killed, nothing once it is left out, nothing when it is back', async () => {
    const first = await rig.processor('--socket', socket);
    const server = await rig.serve('--processor', `unix:${socket}`);
    await rig.envoy(server);
    await serving('both', 'anthropic');
    const { seen, stop } = loadBoth();
    await until(() => seen.length > 5 * CLIENTS, { what: 'load' });
    const killedAt = performance.now();
    first.child.kill('SIGKILL');
    await answeredBy(seen, 'openai', killedAt);

    const refused = await rig.ask('alone');
    expect(refused.status).to.equal(503);
    expect(refused.json).to.have.nested.property('error.type', 'server_error');
    const asked = rig.anthropic.requests.length;
    await rig.ask('alone');
    expect(rig.anthropic.requests).to.have.length(asked);

    const startedAt = performance.now();
    await rig.processor('--socket', socket);
    await answeredBy(seen, 'anthropic', startedAt);
    await serving('alone', 'anthropic');
    const { errors } = await stop();

    expect(errors).to.deep.equal({});
    const failed = seen.filter(({ status }) => status !== 200);
    const firstAt = Math.min(...failed.map(({ answeredAt }) => answeredAt));
    for (const { status, json, sentAt } of failed) {
      expect(status).to.equal(503);
      expect(json).to.have.nested.property('error.type', 'server_error');
      // The first one to find no processor is a warning to all that come after it.
      expect(sentAt).to.be.at.most(firstAt);
    }
    expect(failed.length).to.be.at.most(CLIENTS);
    expect(seen.filter(({ by }) => by === 'openai').length).to.be.greaterThan(CLIENTS);
  });

  it('loses nothing when it is told to end: streams come to their end, new requests go elsewhere', async () => {
    const processor = await rig.processor('--socket', socket);
    const server = await rig.serve('--processor', `unix:${socket}`);
    await rig.envoy(server);
    await serving('alone', 'anthropic');
    Object.assign(rig.anthropic.settings, { chunks: 30, chunkDelayMs: 100 });
    let begun = 0;
    const streams = Array.from({ length: 8 }, () =>
      rig.ask('alone', { stream: true }, { onHeaders: () => void begun++ }),
    );
    await until(() => begun === streams.length, { what: 'streams to begin' });
    const { seen, stop } = loadBoth();
    await until(() => seen.length > CLIENTS, { what: 'load' });

    const toldAt = performance.now();
    processor.child.kill('SIGTERM');
    await answeredBy(seen, 'openai', toldAt);
    expect(processor.child.exitCode).to.equal(null);
    for (const { text, isCut, status } of await Promise.all(streams)) {
      expect([status, isCut, text.trimEnd().endsWith('[DONE]')]).to.deep.equal([200, false, true]);
    }
    expect(await processor.ended).to.equal(0);
    const { byStatus, errors } = await stop();
    expect({ byStatus, errors }).to.deep.equal({ byStatus: { 200: seen.length }, errors: {} });
    expect((await rig.ask('alone')).status).to.equal(503);
  });

  it('is left out from the first configuration on where it is not there yet', async () => {
    const server = await rig.serve('--processor', `unix:${socket}`);
    const envoy = await rig.envoy(server);
    // The first request of all.
    expect((await rig.ask('both')).headers['x-fake']).to.equal('openai');
    expect((await rig.ask('alone')).status).to.equal(503);
    await synced(server);
    // One version of the routes, and not another one after it.
    expect(Object.values(await envoy.stats('\\.rds\\..*config_reload$'))).to.deep.equal([1]);
    await rig.processor('--socket', socket);
    await serving('alone', 'anthropic');
    expect(await envoy.rejectedUpdates()).to.deep.equal({});
  });
});
