/** Twenty real Envoys through 200 changes under traffic. `npm run bench:fleet` does the same with fifty, and measures. */
import { isDeepStrictEqual } from 'node:util';
import { expect } from 'chai';
import { type DrivenFleet, expectNothingLost, startDrivenFleet } from './drive.ts';
import { responsesOf, routesOf } from './rig.ts';

const ENVOYS = 20;
const GATEWAYS = 2;
const CHANGES = 200;

describe(`${ENVOYS} Envoys on one server`, function () {
  this.timeout(300_000);
  let driven: DrivenFleet | undefined;
  after(() => driven?.stop());

  it(`lose no request and reject nothing over ${CHANGES} changes, the server killed half way`, async () => {
    driven = await startDrivenFleet({ envoys: ENVOYS, gateways: GATEWAYS, changes: CHANGES, clients: 32, seed: 4 });
    const { fleet } = driven;
    expectNothingLost(await driven.drive(), CHANGES);

    const routes = new Map<string, unknown>();
    for (const { id, gateway = '', envoy } of fleet.members) {
      const { '2xx': served, '5xx': failed } = await responsesOf(envoy);
      expect({ id, served: served > 0, failed }).to.deep.equal({ id, served: true, failed: 0 });
      // Listeners stay as they are: a change of one would close its connections.
      expect(await envoy.stat('listener_manager.listener_modified')).to.equal(0);
      const now = await routesOf(envoy);
      // As a fact, for the difference of two of them is longer than anybody reads.
      expect({ id, equal: isDeepStrictEqual(now, routes.get(gateway) ?? now) }).to.deep.equal({ id, equal: true });
      routes.set(gateway, now);
    }
    expect(routes.size).to.equal(GATEWAYS);
  });
});
