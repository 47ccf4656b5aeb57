/** Where policies with limits are attached: a Gateway, one of its listeners, and what a route's own policy makes of them. */
import { expect } from 'chai';
import { freePort, request } from '../../support/index.ts';
import { object } from '../support/objects.ts';
import { type LimitsRig, startLimitsRig } from './rig.ts';

type Fields = Readonly<Record<string, unknown>>;

const GROUP = 'gateway.networking.k8s.io';

/** A policy of requests a year. */
function policy(name: string, targetRef: Fields, requests: number | undefined, fields: Fields = {}): Fields {
  const rule = { limit: { requests, unit: 'Year' } };
  return object('gateway.envoyproxy.io/v1alpha1', 'BackendTrafficPolicy', name, {
    spec: {
      targetRefs: [{ group: GROUP, ...targetRef }],
      ...(requests !== undefined && { rateLimit: { global: { rules: [rule] } } }),
      ...fields,
    },
  });
}

const route = (name: string): Fields => ({ kind: 'HTTPRoute', name });
const RETRY = { retry: { numRetries: 0 } };

describe('limits: of a Gateway, a listener and merged policies', () => {
  let rig: LimitsRig;
  let second: number;
  before(async () => {
    second = await freePort();
    rig = await startLimitsRig(
      { bare: {}, other: {}, own: {}, merged: {}, 'merged-local': {}, replaced: {} },
      {
        listeners: [{ name: 'second', protocol: 'HTTP', port: second }],
        extra: [
          policy('gateway', { kind: 'Gateway', name: 'gw' }, 3),
          policy('listener', { kind: 'Gateway', name: 'gw', sectionName: 'second' }, 1),
          policy('own', route('own'), 2),
          policy('merged', route('merged'), undefined, { ...RETRY, mergeType: 'StrategicMerge' }),
          policy('merged-local', route('merged-local'), undefined, {
            mergeType: 'JSONMerge',
            rateLimit: { local: { rules: [{ limit: { requests: 2, unit: 'Hour' } }] } },
          }),
          policy('replaced', route('replaced'), undefined, RETRY),
        ],
      },
    );
  });
  after(() => rig?.stop());

  /** How many requests for a model pass, of five. */
  async function passed(model: string, port = rig.port): Promise<number> {
    let count = 0;
    for (let i = 0; i < 5; i++) {
      const body = { model, messages: [{ role: 'user', content: 'hi' }] };
      const { status, text } = await request({ port, path: '/v1/chat/completions', body });
      expect([200, 429], text).to.include(status);
      if (status === 200) count++;
    }
    return count;
  }

  it('is served without a finding', () => expect(rig.gateway.findings()).to.deep.equal([]));

  it("a Gateway's hold for each of its routes by itself", async () => {
    expect(await passed('bare')).to.equal(3);
    expect(await passed('other')).to.equal(3);
  });

  it("a listener's in the place of the Gateway's, on that listener", async () => {
    expect(await passed('bare', second)).to.equal(1);
    expect(await passed('other', second)).to.equal(1);
  });

  it("a route's own in their place, on each listener of the route together", async () => {
    expect(await passed('own')).to.equal(2);
    expect(await passed('own', second)).to.equal(0);
  });

  it("the Gateway's beside what a route merges into them", async () => {
    expect(await passed('merged')).to.equal(3);
    expect(await passed('merged', second)).to.equal(1);
    expect(await passed('merged-local'), 'local limits of the route, global ones of the Gateway').to.equal(2);
  });

  it('none where the policy of a route has none and merges nothing', async () => {
    expect(await passed('replaced')).to.equal(5);
    expect(await passed('replaced', second)).to.equal(5);
  });
});
