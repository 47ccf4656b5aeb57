import { expect } from 'chai';
import { type Rig, startRig } from '../failover/rig.ts';

describe('credentials: who the client is', () => {
  let rig: Rig;
  before(async () => {
    rig = await startRig({ a: {}, b: {} }, (at) => ({
      backends: { a: at('a'), b: at('b') },
      models: { one: { refs: ['b'] }, two: { refs: ['a', 'b'] } },
    }));
  });
  after(() => rig?.stop());

  it('is told to no provider, with or without a script', async () => {
    const headers = {
      'x-forwarded-for': '203.0.113.7',
      forwarded: 'for=203.0.113.7',
      'x-forwarded-host': 'inside.example',
    };
    for (const [model, provider] of [
      ['one', 'b'],
      ['two', 'a'],
    ] as const) {
      expect((await rig.ask(model, { headers })).status).to.equal(200);
      const seen = rig.fake(provider).last.headers;
      expect(JSON.stringify(seen)).not.to.match(/203\.0\.113\.7|inside\.example/);
      expect(seen).not.to.have.any.keys('x-forwarded-for', 'forwarded', 'x-envoy-external-address', 'x-envoy-internal');
    }
  });
});
