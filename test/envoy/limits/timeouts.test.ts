/** Streams that Envoy itself ends after their head: charged what was reserved or is known, whichever is more. */
import { expect } from 'chai';
import { until } from '../../support/index.ts';
import { atOnce, costRule, type LimitsRig, promptSize, startLimitsRig } from './rig.ts';

const HI = [{ role: 'user', content: 'hi' }];
const IDLE = { fields: { timeouts: { request: '30s' }, streamIdleTimeout: '300ms' } };
const SLOW = { fields: { timeouts: { request: '600ms' } } };

for (const envoyVersion of ['1.37.0', '1.40.0']) {
  describe(`limits: streams that take too long, Envoy ${envoyVersion}`, function () {
    this.timeout(60_000);
    let rig: LimitsRig;
    before(async () => {
      const reserve = (value: string) => ({ annotations: { 'headgate.dev/reserve': value } });
      rig = await startLimitsRig(
        {
          'idle-known': { rules: [costRule(100_000)], ...IDLE },
          'idle-reserved': { rules: [costRule(100_000)], ...reserve('400'), ...IDLE },
          'idle-at-once': { rules: [atOnce(5)], ...reserve('1'), ...IDLE },
          'slow-known': { rules: [costRule(100_000)], ...SLOW },
          'slow-reserved': { rules: [costRule(100_000)], ...reserve('400'), ...SLOW },
          'slow-head': { rules: [costRule(100_000)], ...reserve('400'), ...SLOW },
        },
        { envoyVersion },
      );
    });
    beforeEach(() => rig.openai.reset());
    after(() => rig?.stop());

    /** The stream is cut after its head, and what it told. */
    async function cut(model: string): Promise<void> {
      const answer = await rig.chat(model, { stream: true }).catch(() => undefined);
      if (answer) expect(answer).to.include({ status: 200, isCut: true });
      await until(() => rig.gateway.envoy.accessLog().some((line) => line.model === model), { what: 'its end' });
    }

    for (const [kind, stall] of [
      ['idle', { stallAfterChunks: 3 }],
      ['slow', undefined],
    ] as const) {
      it(`${kind}: what is known, without a reservation`, async () => {
        rig.openai.settings.chunks = 1000;
        rig.openai.settings.chunkDelayMs = kind === 'slow' ? 100 : 0;
        rig.openai.fault = () => stall;
        await cut(`${kind}-known`);
        const size = promptSize({ model: `${kind}-known`, messages: HI, stream: true });
        await until(async () => (await rig.used(`${kind}-known`)) > 0, { what: 'a charge' });
        expect(await rig.used(`${kind}-known`)).to.be.within(size + 1, size + 12);
      });

      it(`${kind}: what was reserved, where that is more`, async () => {
        rig.openai.settings.chunks = 1000;
        rig.openai.settings.chunkDelayMs = kind === 'slow' ? 100 : 0;
        rig.openai.fault = () => stall;
        await cut(`${kind}-reserved`);
        expect(await rig.used(`${kind}-reserved`)).to.equal(400);
      });
    }

    it('no longer counted among the requests at once', async () => {
      rig.openai.fault = () => ({ stallAfterChunks: 3 });
      const stream = cut('idle-at-once');
      await rig.untilUsed(1, 'idle-at-once');
      await stream;
      await rig.untilUsed(0, 'idle-at-once');
    });

    it('nothing where no head came in time', async () => {
      rig.openai.fault = () => ({ hang: true });
      expect((await rig.chat('slow-head', { stream: true })).status).to.equal(504);
      await rig.untilUsed(0, 'slow-head');
    });
  });
}
