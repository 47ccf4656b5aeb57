/** Limits of HTTPRoutes, whose requests no script sees: what was asked on arrival is what is charged and given back. */
import { expect } from 'chai';
import { type Fake, startOpenAi } from '../../fakes/index.ts';
import { type ClientResponse, request, until } from '../../support/index.ts';
import { object } from '../support/objects.ts';
import { atOnce, type LimitsRig, PER_TENANT, startLimitsRig } from './rig.ts';

type Fields = Readonly<Record<string, unknown>>;

const GROUP = 'gateway.networking.k8s.io';
const EG = 'gateway.envoyproxy.io';

for (const envoyVersion of ['1.36.4', '1.38.3', '1.40.0']) {
  describe(`limits: requests at once of an HTTPRoute, Envoy ${envoyVersion}`, function () {
    this.timeout(60_000);
    let rig: LimitsRig;
    let web: Fake;
    before(async () => {
      web = await startOpenAi({ name: 'web' });
      rig = await startLimitsRig({}, { envoyVersion, extra: plainObjects(web.port) });
    });
    beforeEach(() => web.reset());
    after(async () => {
      await rig?.stop();
      await web?.close();
    });

    const ask = (path: string, tenant: string): Promise<ClientResponse> =>
      request({ port: rig.port, path, body: { model: 'm' }, headers: { 'x-tenant': tenant } });
    /** Running requests of the tenant, as the service counts them. */
    async function used(route: string, tenant: string): Promise<number> {
      const { budgets } = await rig.gateway.limits.budgets(1000);
      return budgets
        .filter(({ entries }) => entries[0]?.value.endsWith(`HTTPRoute/default/${route}/rule/0`))
        .filter(({ entries }) => entries.some(({ value }) => value === tenant))
        .reduce((sum, budget) => sum + budget.used, 0);
    }
    const untilUsed = (amount: number, ...of: [string, string]) =>
      until(async () => (await used(...of)) === amount, { what: `${amount} running of ${of.join(' ')}` });

    it('is served without a finding', () => {
      expect(rig.gateway.findings()).to.deep.equal([]);
      expect(rig.gateway.envoy.warnings).to.deep.equal([]);
    });

    for (const route of ['kept', 'changed']) {
      it(`${route} headers and paths: refuses one more of a tenant, and takes the next when one has ended`, async () => {
        web.fault = () => ({ delayMs: 700 });
        const running = [ask(`/${route}`, 'a'), ask(`/${route}`, 'a')];
        await untilUsed(2, route, 'a');
        expect((await ask(`/${route}`, 'a')).status).to.equal(429);
        // The refused one gives back what it took, and no more.
        await untilUsed(2, route, 'a');
        expect((await ask(`/${route}`, 'b')).status).to.not.equal(429);
        for (const answer of running) expect((await answer).status).to.not.equal(429);
        await untilUsed(0, route, 'a');
        await untilUsed(0, route, 'b');
      });
    }
  });
}

function plainObjects(port: number): Fields[] {
  const route = (name: string, filters: readonly Fields[]): Fields =>
    object(`${GROUP}/v1`, 'HTTPRoute', name, {
      spec: {
        parentRefs: [{ name: 'gw' }],
        rules: [
          {
            matches: [{ path: { type: 'PathPrefix', value: `/${name}` } }],
            backendRefs: [{ group: EG, kind: 'Backend', name: 'web' }],
            filters,
          },
        ],
      },
    });
  const limited = (name: string): Fields =>
    object(
      `${EG}/v1alpha1`,
      'BackendTrafficPolicy',
      name,
      {
        spec: {
          targetRefs: [{ group: GROUP, kind: 'HTTPRoute', name }],
          rateLimit: {
            type: 'Global',
            global: {
              rules: [
                atOnce(2, {
                  clientSelectors: [
                    {
                      ...(PER_TENANT.clientSelectors as readonly Fields[])[0],
                      path: { type: 'PathPrefix', value: `/${name}` },
                    },
                  ],
                }),
              ],
            },
          },
        },
      },
      { annotations: { 'headgate.dev/reserve': '1' } },
    );
  const rewrite = {
    type: 'URLRewrite',
    urlRewrite: { path: { type: 'ReplacePrefixMatch', replacePrefixMatch: '/v1' } },
  };
  const strip = { type: 'RequestHeaderModifier', requestHeaderModifier: { remove: ['x-tenant'] } };
  return [
    object(`${EG}/v1alpha1`, 'Backend', 'web', { spec: { endpoints: [{ ip: { address: '127.0.0.1', port } }] } }),
    route('kept', []),
    route('changed', [rewrite, strip]),
    limited('kept'),
    limited('changed'),
  ];
}
