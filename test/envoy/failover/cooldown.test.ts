import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'chai';
import { startGateway as startScript } from '../lua/gateway.ts';
import { expectAllServed, type Rig, startRig, tried } from './rig.ts';

const RETRY_AFTER_S = 30;

describe('failover: a provider that says when to come back', function () {
  this.timeout(60_000);
  let rig: Rig;

  before(async () => {
    rig = await startRig(
      { a: {}, b: {} },
      (at) => {
        const names = ['short', 'long', 'plain', 'both', 'other', 'workers'];
        return {
          backends: { b: at('b'), ...Object.fromEntries(names.map((name) => [`a-${name}`, at('a')])) },
          models: {
            ...Object.fromEntries(names.map((name) => [name, { refs: [`a-${name}`, 'b'] }])),
            'cool-last': { refs: ['a-both', 'a-other'] },
          },
        };
      },
      { concurrency: 2 },
    );
  });
  beforeEach(() => rig.reset());
  afterEach(() => rig.assertNoLeak());
  after(() => rig?.stop());

  /** Asks until both workers have met the provider: one that has not learnt of a cooldown asks it. */
  const teach = async (model: string): Promise<void> => {
    await rig.load(model, { concurrency: 64, total: 256 });
  };

  it('is asked again at once when it names no time', async () => {
    rig.fake('a').fault = () => ({ status: 429 });
    await teach('plain');
    await rig.reset();
    const response = await rig.ask('plain');
    expect(response.headers['x-fake']).to.equal('a');
  });

  it('is tried last for that time, on each worker, and never delays an attempt at another', async () => {
    rig.fake('a').fault = () => ({ status: 429, headers: { 'retry-after': String(RETRY_AFTER_S) } });
    const load = await rig.load('workers', { concurrency: 64, total: 2000 });
    expectAllServed(load, 2000);
    expect(Math.max(...load.latenciesMs)).to.be.lessThan((RETRY_AFTER_S * 1000) / 2);
    // Each of two workers asks it once a connection at most before it knows.
    expect(rig.fake('a').requests.length).to.be.lessThan(200);
    await rig.reset();
    expectAllServed(await rig.load('workers', { concurrency: 64, total: 500 }), 500);
    expect(rig.fake('a').requests).to.eql([]);
    const response = await rig.ask('workers');
    expect(response.headers['x-headgate-tried']).to.equal('default/a-workers=cooling,default/b=200');
    // It is last, not out.
    rig.fake('b').fault = () => ({ status: 500 });
    const last = await rig.ask('workers');
    expect(last.headers['x-fake']).to.equal('a');
    expect(last.headers['x-headgate-tried']).to.equal('default/a-workers=cooling,default/b=500,default/a-workers=200');
  });

  it('is first again when the time is over', async () => {
    rig.fake('a').fault = () => ({ status: 429, headers: { 'retry-after': '1' } });
    await teach('short');
    await rig.reset();
    await sleep(1100);
    expect((await rig.ask('short')).headers['x-fake']).to.equal('a');
  });

  it('does not keep others from being asked, nor a rule in which all are cooling', async () => {
    rig.fake('a').fault = () => ({ status: 429, headers: { 'retry-after': String(RETRY_AFTER_S) } });
    await teach('both');
    await teach('other');
    await rig.reset();
    const response = await rig.ask('cool-last');
    expect([response.status, tried(response).slice(0, 2)]).to.eql([200, ['a-both', 'a-other']]);
  });

  it('is not taken at its word for longer than five minutes', async () => {
    // The script itself is asked: nobody waits that long. An error in it keeps Envoy from taking it.
    const startsWith = (seconds: string, ms: string): Promise<string> => {
      const headers = `{ get = function(_, name) return name == 'retry-after' and '${seconds}' or nil end }`;
      const append = `assert(retry_after_ms(${headers}, 0) == ${ms})\n`;
      const starting = startScript({ backends: [{ cluster: 'a', port: 1 }], routes: [{ model: 'm' }], append });
      return starting.then(({ envoy }) => envoy.stop().then(() => 'started')).catch((error: Error) => error.message);
    };
    expect(await startsWith('7', '7000')).to.equal('started');
    expect(await startsWith('86400', '300000')).to.equal('started');
    expect(await startsWith('86400', '86400000')).to.include('assertion failed');
  });
});
