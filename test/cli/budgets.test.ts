/** `headgate run examples/budgets`: which backend has room, whose bucket is used up, and where the money went. */
import { expect } from 'chai';
import type { Budget, Budgets } from '../../src/ratelimit/index.ts';
import { type ClientResponse, postJson, until } from '../support/index.ts';
import { build, exampleOnFreePorts, type Running, runOnce, startCommand } from './running.ts';

/** Dollars for a million tokens, as examples/budgets/prices.yaml has them; for a request beside them. */
const PRICES: Readonly<Record<string, { input: number; output: number; request?: number }>> = {
  'default/prepaid demo-model': { input: 0.5, output: 2 },
  'default/on-demand demo-model': { input: 1.25, output: 10 },
  'default/on-demand demo-model-mini': { input: 0.25, output: 1 },
  'default/on-demand demo-model-large': { input: 30, output: 120, request: 20 },
};
const quota = (backend: string, bucket: string): string =>
  `AIServiceBackend/default/${backend}/QuotaPolicy/default/${backend}/${bucket}`;
const PREPAID = quota('prepaid', 'model/demo-model/default');
const TENANTS = quota('on-demand', 'model/demo-model/rule/0');
const SERVICE = quota('on-demand', 'service');

describe('headgate run examples/budgets', function () {
  this.timeout(120_000);
  let command: Running;
  let port = 0;
  /** Millionths of a dollar by tenant, and tokens by bucket, added up from what clients were told. */
  const spent = new Map<string, number>();
  const tokens = new Map<string, number>();

  before(async () => {
    build();
    const example = await exampleOnFreePorts('budgets');
    ({ port } = example);
    command = await startCommand(['run', example.folder]);
    await command.says('Gateway default/budgets serves');
  });
  after(() => command?.stop());

  function budgets(): readonly Budget[] {
    const status = runOnce(['status', '--budgets', '--server', command.admin, '-o', 'json']);
    return (JSON.parse(status.stdout) as Budgets).budgets;
  }

  function used(bucket: string | RegExp, tenant?: string): number {
    return budgets()
      .filter(
        ({ entries: [first] }) =>
          first && (typeof bucket === 'string' ? first.value === bucket : bucket.test(first.value)),
      )
      .filter(({ entries }) => tenant === undefined || entries.some(({ value }) => value === tenant))
      .reduce((sum, one) => sum + one.used, 0);
  }
  const money = (tenant: string): number => used(/BackendTrafficPolicy\/default\/money/, tenant);

  function add(sums: Map<string, number>, key: string, value: number): void {
    sums.set(key, (sums.get(key) ?? 0) + value);
  }

  /** Asks, and waits until the money of an answer is in its bucket, which happens after the answer. */
  async function ask(tenant: string, model = 'demo-model'): Promise<ClientResponse & { readonly backend: string }> {
    const body = { model, max_tokens: 100, messages: [{ role: 'user', content: 'Hello' }] };
    const answer = await postJson(port, '/v1/chat/completions', body, { 'x-tenant': tenant });
    const backend = String(answer.headers['x-headgate-backend']);
    if (answer.status === 200) {
      const { usage } = answer.json as { usage: { prompt_tokens: number; completion_tokens: number } };
      const { input = 0, output = 0, request = 0 } = PRICES[`${backend} ${model}`] ?? {};
      add(spent, tenant, Math.round(usage.prompt_tokens * input + usage.completion_tokens * output + request * 1e6));
      const bucket =
        backend === 'default/prepaid' ? PREPAID : model === 'demo-model' ? `${TENANTS} ${tenant}` : SERVICE;
      add(tokens, bucket, usage.prompt_tokens + usage.completion_tokens);
    }
    await until(() => money(tenant) === (spent.get(tenant) ?? 0), {
      what: () => `${spent.get(tenant)} spent by ${tenant}: ${money(tenant)}`,
    });
    return { ...answer, backend };
  }

  it('is served by the backend with room, and refused only when none has room', async () => {
    while ((tokens.get(PREPAID) ?? 0) < 50) expect((await ask('a')).backend).to.equal('default/prepaid');
    const next = await ask('a');
    expect([next.status, next.backend]).to.deep.equal([200, 'default/on-demand']);
    expect(next.headers['x-headgate-tried']).to.equal('default/prepaid=no-quota,default/on-demand=200');
    while ((tokens.get(`${TENANTS} a`) ?? 0) < 40) expect((await ask('a')).backend).to.equal('default/on-demand');
    const refused = await ask('a');
    expect(refused.status).to.equal(429);
    expect(refused.headers['x-headgate-tried']).to.equal('default/prepaid=no-quota,default/on-demand=no-quota');
    expect(Number(refused.headers['retry-after'])).to.be.within(1, 86_400);
  });

  it('has a bucket for each tenant', async () => {
    const other = await ask('b');
    expect([other.status, other.backend], other.text).to.deep.equal([200, 'default/on-demand']);
    expect((await ask('a')).status).to.equal(429);
    for (const tenant of ['a', 'b']) expect(used(TENANTS, tenant)).to.equal(tokens.get(`${TENANTS} ${tenant}`));
  });

  it('keeps the budget of money, which "headgate status" shows as it was spent', async () => {
    const served: number[] = [];
    for (let i = 0; i < 3; i++) served.push((await ask('b', 'demo-model-large')).status);
    expect(served, '20 dollars each').to.deep.equal([200, 200, 429]);
    expect(spent.get('b')).to.be.within(40e6, 50e6);
    const table = runOnce(['status', '--budgets', '--server', command.admin, '-o', 'table']).stdout;
    const dollars = spent.get('b') ?? 0;
    expect(table).to.match(new RegExp(`^${50e6 - dollars} +${dollars} +0 +50000000 .* x-tenant=b .*money`, 'm'));
  });

  it('counts the other models of a backend together', async () => {
    expect(used(SERVICE)).to.equal(tokens.get(SERVICE));
    while ((tokens.get(SERVICE) ?? 0) < 60) expect((await ask('c', 'demo-model-mini')).status).to.equal(200);
    expect((await ask('c', 'demo-model-mini')).status).to.equal(429);
    expect((await ask('c')).status, 'a model with a quota of its own').to.equal(200);
    expect(used(SERVICE)).to.equal(tokens.get(SERVICE));
  });
});
