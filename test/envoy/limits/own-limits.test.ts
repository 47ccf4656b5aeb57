/** `limit.fromMetadata`: limits that requests bring, through an Envoy with a filter in front that says what a client may. */
import { expect } from 'chai';
import {
  capabilitiesOf,
  compileGateway,
  DEFAULT_COMPILE_OPTIONS,
  type EnvoyResource,
} from '../../../src/envoy/index.ts';
import { encodeMessage } from '../../../src/envoy/schema/index.ts';
import { limitsOf } from '../../../src/ir/index.ts';
import { formatFinding } from '../../../src/lib/findings.ts';
import { DEFAULT_POLICY_OPTIONS, translate } from '../../../src/policy/index.ts';
import { createMemoryStore, createRateLimitService, type RateLimitService } from '../../../src/ratelimit/index.ts';
import { readSources } from '../../../src/sources/index.ts';
import { silentLogger } from '../../../src/telemetry/index.ts';
import { type Fake, OPENAI_KEY, startOpenAi } from '../../fakes/index.ts';
import { type EnvoyProcess, freePorts, inlineStatic, request, startEnvoy, until } from '../../support/index.ts';
import { gatewayYaml, object } from '../support/objects.ts';
import { bucketName, costRule, PER_TENANT } from './rig.ts';

type Fields = Readonly<Record<string, unknown>>;

const FROM = { namespace: 'tenants', key: 'limit' };
const MODELS: Readonly<Record<string, { annotations?: Fields; rule?: Fields }>> = {
  plain: {},
  reserving: { annotations: { 'headgate.dev/reserve': '30' } },
  shadow: { rule: { shadowMode: true } },
};

/** Takes what a client may from a header: base64 of a google.protobuf.Value. */
const LIMIT_FILTER = {
  name: 'envoy.filters.http.header_to_metadata',
  typed_config: {
    '@type': 'type.googleapis.com/envoy.extensions.filters.http.header_to_metadata.v3.Config',
    request_rules: [
      {
        header: 'x-may',
        on_header_present: { metadata_namespace: 'tenants', key: 'limit', type: 'PROTOBUF_VALUE', encode: 'BASE64' },
        remove: true,
      },
    ],
  },
};

for (const version of ['1.39.3', '1.40.0']) {
  describe(`limits: that requests bring, Envoy ${version}`, function () {
    this.timeout(60_000);
    let openai: Fake;
    let service: RateLimitService;
    let envoy: EnvoyProcess;
    let port: number;
    before(async () => {
      openai = await startOpenAi({ name: 'openai' });
      openai.settings.usage = { input: 60, output: 40 };
      let sentinelPort: number;
      [port = 0, sentinelPort = 0] = await freePorts(2);
      const read = await readSources(['-'], { env: {}, stdin: async () => yaml() });
      if (!read.ok) throw new Error('refused');
      const { ir, secrets, findings } = translate(read.set, DEFAULT_POLICY_OPTIONS);
      expect(findings.map(formatFinding)).to.deep.equal([]);
      service = createRateLimitService({ store: createMemoryStore(), config: limitsOf(ir), logger: silentLogger });
      const rateLimit = await service.listen({ host: '127.0.0.1', port: 0 });
      const [gateway] = ir.gateways;
      if (!gateway) throw new Error('no gateway');
      const { processor: _, ...options } = { ...DEFAULT_COMPILE_OPTIONS, rateLimit, sentinelPort };
      const { resources } = compileGateway(gateway, secrets, capabilitiesOf(version), options);
      envoy = await startEnvoy({ version, bootstrap: withFilter(resources) });
    });
    after(async () => {
      await envoy?.stop();
      await service?.close(0);
      await openai?.close();
    });

    function yaml(): string {
      return gatewayYaml({
        port,
        backends: { openai: { port: openai.port, key: OPENAI_KEY } },
        models: Object.fromEntries(
          Object.keys(MODELS).map((name) => [
            name,
            { refs: ['openai'], route: { llmRequestCosts: [{ metadataKey: 'total', type: 'TotalToken' }] } },
          ]),
        ),
        extra: Object.entries(MODELS).map(([name, { annotations = {}, rule = {} }]) => {
          const limit = { requests: 100, unit: 'Year', fromMetadata: FROM };
          const targetRefs = [{ group: 'gateway.networking.k8s.io', kind: 'HTTPRoute', name }];
          const rateLimit = { global: { rules: [costRule(0, 'total', { ...PER_TENANT, limit, ...rule })] } };
          const spec = { targetRefs, rateLimit };
          return object('gateway.envoyproxy.io/v1alpha1', 'BackendTrafficPolicy', name, { spec }, { annotations });
        }),
      });
    }

    const ask = (model: string, tenant: string, may?: number, unit = 'YEAR') =>
      request({
        port,
        path: '/v1/chat/completions',
        body: { model, messages: [{ role: 'user', content: 'hi' }] },
        headers: { 'x-tenant': tenant, ...(may === undefined ? {} : { 'x-may': encoded(may, unit) }) },
      });
    async function untilUsed(amount: number, model: string, tenant: string): Promise<void> {
      const used = async (): Promise<number> => {
        const { budgets } = await service.budgets(1000);
        const own = budgets.filter(({ entries }) => entries[0]?.value === bucketName(model));
        return own.filter(({ entries }) => entries[1]?.value === tenant).reduce((sum, one) => sum + one.used, 0);
      };
      await until(async () => (await used()) === amount, { what: `${amount} used of ${model} by ${tenant}` });
    }

    it('count in the place of the one of the policy, which is for who brings none', async () => {
      for (const [tenant, may, answers] of [
        ['none', undefined, [200, 429]],
        ['more', 250, [200, 200, 200, 429]],
        ['suspended', 0, [429]],
      ] as const) {
        let charged = 0;
        for (const status of answers) {
          const answer = await ask('plain', tenant, may);
          expect(answer.status, `${tenant}: ${answer.text}`).to.equal(status);
          expect(answer.headers['x-ratelimit-limit']).to.match(new RegExp(`^${may ?? 100},`));
          if (status === 200) charged += 100;
          if (charged > 0) await untilUsed(charged, 'plain', tenant);
        }
      }
    });

    it('reserve and settle', async () => {
      openai.fault = () => ({ delayMs: 400 });
      const running = [ask('reserving', 'a', 70), ask('reserving', 'a', 70)];
      await untilUsed(60, 'reserving', 'a');
      expect((await ask('reserving', 'a', 70)).status).to.equal(429);
      for (const answer of running) expect((await answer).status).to.equal(200);
      await untilUsed(200, 'reserving', 'a');
      openai.fault = undefined;
      expect((await ask('reserving', 'a', 1000)).status, 'when it may more').to.equal(200);
      await untilUsed(300, 'reserving', 'a');
    });

    it('refuse nothing where the policy is in shadow mode', async () => {
      for (const total of [100, 200]) {
        expect((await ask('shadow', 'a', 50)).status).to.equal(200);
        await untilUsed(total, 'shadow', 'a');
      }
    });

    it('are of the policy again where they cannot be read', async () => {
      const answer = await ask('plain', 'odd', 5, 'FORTNIGHT');
      expect(answer.status).to.equal(200);
      expect(answer.headers['x-ratelimit-limit']).to.match(/^100,/);
    });
  });
}

/** A google.protobuf.Value as a header holds it. */
function encoded(requests_per_unit: number, unit: string): string {
  return Buffer.from(encodeMessage('google.protobuf.Value', { requests_per_unit, unit })).toString('base64');
}

/** As a filter of somebody else's would stand in front of ours. */
function withFilter(resources: readonly EnvoyResource[]): Record<string, unknown> {
  const ofType = (type: EnvoyResource['type']): Fields[] =>
    resources.filter((resource) => resource.type === type).map(({ message }) => ({ ...message }));
  const add = (_key: string, value: unknown): unknown =>
    isConnectionManager(value) ? { ...value, http_filters: [LIMIT_FILTER, ...value.http_filters] } : value;
  const listeners = JSON.parse(
    JSON.stringify(
      ofType('listener').map((one) => one),
      add,
    ),
  ) as Fields[];
  return inlineStatic({
    listeners,
    routes: ofType('route'),
    clusters: ofType('cluster'),
    endpoints: ofType('endpoints'),
    secrets: ofType('secret'),
    extensions: ofType('extension'),
  });
}

function isConnectionManager(value: unknown): value is Fields & { http_filters: readonly Fields[] } {
  return typeof value === 'object' && value !== null && Array.isArray((value as Fields).http_filters);
}
