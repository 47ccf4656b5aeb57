import { expect } from 'chai';
import { type Fake, startOpenAi } from '../../fakes/index.ts';
import { request, until } from '../../support/index.ts';
import { object } from '../support/objects.ts';
import { costRule, type LimitedModel, type LimitsRig, startLimitsRig } from './rig.ts';

type Fields = Readonly<Record<string, unknown>>;

const EG = 'gateway.envoyproxy.io/v1alpha1';
const GROUP = 'gateway.networking.k8s.io';
const header = (type: string, value?: string, more: Fields = {}): Fields => ({
  clientSelectors: [{ headers: [{ name: 'X-Who', type, ...(value !== undefined && { value }), ...more }] }],
});
const query = (type: string, value?: string): Fields => ({
  clientSelectors: [{ queryParams: [{ name: 'who', type, ...(value !== undefined && { value }) }] }],
});
const path = (type: string, value: string, invert = false): Fields => ({
  clientSelectors: [{ path: { type, value, invert } }],
});
const cidr = (value: string, type = 'Exact', invert = false): Fields => ({
  clientSelectors: [{ sourceCIDR: { value, type, invert } }],
});

/** Of each: a selector, requests that it means, requests that it does not mean; all as header and query. */
const CASES: Readonly<Record<string, readonly [Fields, readonly string[], readonly string[]]>> = {
  exact: [header('Exact', 'a b%()'), ['h:a b%()'], ['h:a', 'h:A B%()', '']],
  inverted: [header('Exact', 'a', { invert: true }), ['h:b', ''], ['h:a']],
  regex: [header('RegularExpression', "[a-c]+'\\d"), ["h:abc'1"], ["h:xabc'1", "h:abc'12", '']],
  distinct: [header('Distinct'), ['h:one', 'h:two', 'h:drei-ü'], ['']],
  query: [query('Exact', 'a b'), ['q:who=a%20b'], ['q:who=a', 'q:whom=a%20b', '']],
  'query regex': [query('RegularExpression', 'a.*'), ['q:x=1&who=abc'], ['q:who=b', '']],
  'query distinct': [query('Distinct'), ['q:who=1', 'q:who=2'], ['']],
  path: [path('PathPrefix', '/v1/chat'), ['', 'q:x=1'], []],
  'path exact': [path('Exact', '/v1/chat/completions'), ['q:x=1'], []],
  'another path': [path('Exact', '/v1/embeddings'), [], ['']],
  'not a path': [path('RegularExpression', '/v1/emb.*', true), [''], []],
  method: [{ clientSelectors: [{ methods: [{ value: 'POST' }] }] }, [''], []],
  'another method': [{ clientSelectors: [{ methods: [{ value: 'POST', invert: true }] }] }, [], ['']],
  range: [cidr('127.0.0.0/8'), [''], []],
  'another range': [cidr('10.0.0.0/8'), [], ['']],
  'not a range': [cidr('10.0.0.0/8', 'Exact', true), [''], []],
  address: [cidr('0.0.0.0/0', 'Distinct'), [''], []],
  both: [
    {
      clientSelectors: [
        {
          headers: [{ name: 'x-who', type: 'Exact', value: 'a' }],
          queryParams: [{ name: 'who', type: 'Exact', value: 'b' }],
        },
      ],
    },
    ['h:a q:who=b'],
    ['h:a', 'q:who=b'],
  ],
};
const TOLD_APART = ['distinct', 'query distinct'];

describe('limits: whom they mean', function () {
  this.timeout(60_000);
  let rig: LimitsRig;
  let web: Fake;
  before(async () => {
    web = await startOpenAi({ name: 'web' });
    const selecting = Object.fromEntries(
      Object.entries(CASES).map(([name, [selector]]): [string, LimitedModel] => [
        name.replaceAll(' ', '-'),
        { rules: [costRule(42, 'total', selector)] },
      ]),
    );
    rig = await startLimitsRig(
      {
        ...selecting,
        unlimited: {},
      },
      { extra: plainObjects(() => web.port) },
    );
    rig.openai.settings.usage = { input: 30, output: 12 };
  });
  after(async () => {
    await rig?.stop();
    await web?.close();
  });

  /** `h:VALUE q:QUERY`, each of which may be missing. */
  function ask(model: string, what: string) {
    const [, who, search] = /^(?:h:(.*?))?(?: ?q:(.*))?$/.exec(what) ?? [];
    return rig.chat(model, {}, who === undefined ? {} : { 'x-who': Buffer.from(who).toString('latin1') }, {
      path: `/v1/chat/completions${search === undefined ? '' : `?${search}`}`,
    });
  }

  it('is served without a finding', () => expect(rig.gateway.findings()).to.deep.equal([]));

  for (const [name, [, meant, others]] of Object.entries(CASES)) {
    it(name, async () => {
      const model = name.replaceAll(' ', '-');
      for (const what of others) {
        for (let i = 0; i < 2; i++) expect((await ask(model, what)).status, what).to.equal(200);
      }
      expect(await rig.used(model), 'charged for nobody').to.equal(0);
      let charged = 0;
      for (const what of meant) {
        const isNew = charged === 0 || TOLD_APART.includes(name);
        const first = await ask(model, what);
        expect(first.status, `${what}: ${first.text}`).to.equal(isNew ? 200 : 429);
        if (isNew) charged += 42;
        await rig.untilUsed(charged, model);
        expect((await ask(model, what)).status, what).to.equal(429);
      }
      for (const what of others) expect((await ask(model, what)).status, what).to.equal(200);
    });
  }

  it('requests of an HTTPRoute, by count, of one rule and of each client', async () => {
    const get = (at: string, who = 'a') =>
      request({ port: rig.port, method: 'GET', path: at, headers: { 'x-who': who } });
    for (const who of ['a', 'b']) {
      for (const left of [1, 0]) {
        const { status, headers } = await get('/plain', who);
        expect(status, who).to.not.equal(429);
        expect(headers['x-ratelimit-remaining']).to.equal(String(left));
      }
      expect((await get('/plain', who)).status, who).to.equal(429);
    }
    expect((await get('/other', 'a')).status, 'another rule').to.not.equal(429);
  });

  it('one bucket of all routes, where it is shared', async () => {
    const get = (at: string) => request({ port: rig.port, method: 'GET', path: at });
    expect((await get('/shared/1')).status).to.not.equal(429);
    expect((await get('/shared/2')).status).to.not.equal(429);
    expect((await get('/shared/1')).status).to.equal(429);
    expect((await get('/shared/2')).status).to.equal(429);
  });

  it('a new policy, as soon as it is served, and nobody when it is gone', async () => {
    await rig.apply({ unlimited: { rules: [costRule(42)] } });
    await until(async () => (await rig.chat('unlimited')).headers['x-ratelimit-limit'], { what: 'the new limit' });
    await rig.untilUsed(42 * Math.ceil((await rig.used('unlimited')) / 42), 'unlimited');
    await until(async () => (await rig.chat('unlimited')).status === 429, { what: 'a refusal' });
    await rig.apply({ unlimited: { rules: [costRule(1_000_000)] } });
    await until(async () => (await rig.chat('unlimited')).status === 200, { what: 'a higher limit' });
    await rig.apply({ unlimited: {} });
    await until(async () => !(await rig.chat('unlimited')).headers['x-ratelimit-limit'], { what: 'no limit' });
  });

  /** HTTPRoutes of plain HTTP with limits of their own. */
  function plainObjects(webPort: () => number): Fields[] {
    const route = (name: string, paths: readonly string[]): Fields =>
      object(`${GROUP}/v1`, 'HTTPRoute', name, {
        spec: {
          parentRefs: [{ name: 'gw' }],
          rules: paths.map((value, i) => ({
            name: `r${i}`,
            matches: [{ path: { type: 'PathPrefix', value } }],
            backendRefs: [{ group: 'gateway.envoyproxy.io', kind: 'Backend', name: 'web' }],
          })),
        },
      });
    const limited = (name: string, targetRef: Fields, rule: Fields): Fields =>
      object(EG, 'BackendTrafficPolicy', name, {
        spec: {
          targetRefs: [{ group: GROUP, kind: 'HTTPRoute', ...targetRef }],
          rateLimit: { type: 'Global', global: { rules: [rule] } },
        },
      });
    return [
      object(EG, 'Backend', 'web', { spec: { endpoints: [{ ip: { address: '127.0.0.1', port: webPort() } }] } }),
      route('plain', ['/plain', '/other']),
      route('shared', ['/shared/1', '/shared/2']),
      limited(
        'plain',
        { name: 'plain', sectionName: 'r0' },
        { ...header('Distinct'), limit: { requests: 2, unit: 'Year' } },
      ),
      limited('shared', { name: 'shared' }, { shared: true, limit: { requests: 2, unit: 'Year' } }),
    ];
  }
});
