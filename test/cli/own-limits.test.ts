import { once } from 'node:events';
import { expect } from 'chai';
import type { OwnLimits, startOwnLimits as Start } from '../../src/cli/own-limits.ts';
import { silentLogger } from '../../src/telemetry/index.ts';
import { spawnChild, stopChild, until } from '../support/index.ts';
import { build, MAIN } from './running.ts';

const FLAGS = { redisMode: 'single', redisTimeout: 50, failureMode: 'local' } as const;
const ANYWHERE = { host: '127.0.0.1', port: 0 };
const limits = (requests_per_unit: number, unit = 'year') => ({
  domains: [{ domain: 'd', descriptors: [{ key: 'k', rate_limit: { unit, requests_per_unit } }] }],
});

interface Answer {
  readonly at: number;
  readonly code: string;
}

describe('headgate run: its rate limit service', function () {
  this.timeout(60_000);
  let startOwnLimits: typeof Start;
  let own: OwnLimits;
  let asker: ReturnType<typeof spawnChild> | undefined;
  before(async () => {
    build();
    // As it is built: a thread reads no TypeScript.
    ({ startOwnLimits } = (await import(MAIN.replace('main.js', 'own-limits.js'))) as { startOwnLimits: typeof Start });
  });
  beforeEach(async () => {
    own = await startOwnLimits(FLAGS, ANYWHERE, silentLogger);
  });
  afterEach(async () => {
    if (asker) await stopChild(asker);
    asker = undefined;
    await own.close(0);
  });

  /** Answers as they come, to a process that asks all the time. */
  async function startAsking(): Promise<Answer[]> {
    const answers: Answer[] = [];
    const args = ['--import', 'tsx', 'test/ratelimit/asker.ts', String(own.address.port)];
    asker = spawnChild(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
    asker.stdout?.setEncoding('utf8').on('data', (text: string) => {
      for (const line of text.trim().split('\n')) {
        const [at = '', code = ''] = line.split(' ');
        answers.push({ at: Number(at), code });
      }
    });
    if (asker.stdout) await once(asker.stdout, 'data');
    return answers;
  }

  it('answers while the thread of the control plane does nothing else than compile', async () => {
    own.replaceConfig(limits(1_000_000_000));
    const answers = await startAsking();
    const from = Date.now();
    // Four times as long as Envoy waits.
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1000);
    const to = Date.now();
    await until(() => answers.some(({ at }) => at > to), { what: 'answers that came meanwhile' });
    expect(answers.filter(({ at }) => at > from && at < to).length).to.be.above(0);
  });

  it('has taken limits when they are handed over', async () => {
    own.replaceConfig(limits(1_000_000_000));
    const answers = await startAsking();
    own.replaceConfig(limits(1));
    await until(() => answers.some(({ code }) => code === 'OVER_LIMIT'), { what: 'a refusal' });
    expect((await own.budgets(10)).budgets[0]).to.include({ limit: 1 });
    expect(await own.metrics()).to.match(/ratelimit_service_rate_limit_total_hits\{[^}]*\} [1-9]/);
  });

  it('goes on with the old limits where new ones cannot be used', async () => {
    own.replaceConfig(limits(5));
    expect(() => own.replaceConfig(limits(5, 'fortnight')))
      .to.throw()
      .with.property('code', 'invalid_input');
    const answers = await startAsking();
    await until(() => answers.some(({ code }) => code === 'OVER_LIMIT'), { what: 'a refusal' });
    expect(answers.filter(({ code }) => code === 'OK').length).to.equal(5);
  });

  it('says that its port is taken', async () => {
    const failed = await startOwnLimits(FLAGS, own.address, silentLogger).then(
      () => undefined,
      (error: unknown) => error,
    );
    expect(failed).to.have.property('code', 'port_in_use');
  });
});
