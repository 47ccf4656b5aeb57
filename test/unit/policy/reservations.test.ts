import { expect } from 'chai';
import type { LimitIr } from '../../../src/ir/index.ts';
import { formatFinding } from '../../../src/lib/findings.ts';
import { translateYaml } from './fixtures.ts';

type Fields = Readonly<Record<string, unknown>>;

const GROUP = 'gateway.networking.k8s.io';
const AI = 'aigateway.envoyproxy.io';
const EG = 'gateway.envoyproxy.io';
const NOTHING = { from: 'Number', number: 0 };
const TOTAL = { from: 'Metadata', metadata: { namespace: 'io.envoy.ai_gateway', key: 'total' } };
const LIMIT = { requests: 10, unit: 'Day' };
const AT_ONCE = { limit: LIMIT, cost: { request: NOTHING, response: NOTHING } };
const TOKENS = { limit: LIMIT, cost: { request: NOTHING, response: TOTAL } };
const REQUESTS = { limit: LIMIT };

/** A route with a policy of these annotations and global rules. Shape: what each rule reserves, and findings. */
function reserved(annotations: Fields, rules: readonly Fields[], kind: 'AIGatewayRoute' | 'HTTPRoute') {
  const isAi = kind === 'AIGatewayRoute';
  const objects = [
    {
      apiVersion: `${GROUP}/v1`,
      kind: 'GatewayClass',
      metadata: { name: 'headgate' },
      spec: { controllerName: 'headgate.dev/gateway-controller' },
    },
    {
      apiVersion: `${GROUP}/v1`,
      kind: 'Gateway',
      metadata: { name: 'gw' },
      spec: { gatewayClassName: 'headgate', listeners: [{ name: 'http', protocol: 'HTTP', port: 80 }] },
    },
    {
      apiVersion: `${EG}/v1alpha1`,
      kind: 'Backend',
      metadata: { name: 'one' },
      spec: { endpoints: [{ ip: { address: '10.0.0.1', port: 80 } }] },
    },
    {
      apiVersion: `${AI}/v1beta1`,
      kind: 'AIServiceBackend',
      metadata: { name: 'one' },
      spec: { schema: { name: 'OpenAI' }, backendRef: { group: EG, kind: 'Backend', name: 'one' } },
    },
    {
      apiVersion: isAi ? `${AI}/v1beta1` : `${GROUP}/v1`,
      kind,
      metadata: { name: 'r' },
      spec: {
        parentRefs: [{ name: 'gw' }],
        ...(isAi && { llmRequestCosts: [{ metadataKey: 'total', type: 'TotalToken' }] }),
        rules: [{ backendRefs: [isAi ? { name: 'one' } : { group: EG, kind: 'Backend', name: 'one' }] }],
      },
    },
    {
      apiVersion: `${EG}/v1alpha1`,
      kind: 'BackendTrafficPolicy',
      metadata: { name: 'p', annotations },
      spec: { targetRefs: [{ group: GROUP, kind: 'HTTPRoute', name: 'r' }], rateLimit: { global: { rules } } },
    },
  ];
  const { ir, findings } = translateYaml(objects.map((one) => JSON.stringify(one)).join('\n---\n'));
  const limits = ir.gateways.flatMap(({ listeners }) =>
    listeners.flatMap(({ chains }) =>
      chains.flatMap(({ hosts }) =>
        hosts.flatMap(({ routes }) => routes.flatMap((route): readonly LimitIr[] => route.limits?.global ?? [])),
      ),
    ),
  );
  const short = ({ reserve }: LimitIr): unknown =>
    reserve?.kind === 'number' ? reserve.number : reserve && (reserve.output ?? 'prompt');
  return { reserves: limits.map(short), findings: findings.map(formatFinding) };
}

describe('policy: reservations', () => {
  it('stand for what a rule charges: a number for any charge, an estimate for one of metadata', () => {
    const rules = [AT_ONCE, TOKENS, REQUESTS];
    expect(reserved({ 'headgate.dev/reserve': '1' }, rules, 'AIGatewayRoute').reserves).to.deep.equal([
      1,
      1,
      undefined,
    ]);
    const { reserves, findings } = reserved({ 'headgate.dev/reserve': 'prompt' }, rules, 'AIGatewayRoute');
    expect(reserves).to.deep.equal([undefined, 'prompt', undefined]);
    expect(findings).to.deep.equal([]);
  });

  it('of one rule go before that of all, and none is none', () => {
    const annotations = {
      'headgate.dev/reserve': 'max_tokens',
      'headgate.dev/reserve-output': '50',
      'headgate.dev/reserve-rule-0': '1',
      'headgate.dev/reserve-rule-2': 'none',
    };
    const { reserves, findings } = reserved(annotations, [AT_ONCE, TOKENS, TOKENS], 'AIGatewayRoute');
    expect(reserves).to.deep.equal([1, 50, undefined]);
    expect(findings).to.deep.equal([]);
  });

  it('that stand for nothing are said', () => {
    const { findings } = reserved(
      {
        'headgate.dev/reserve-rule-0': 'prompt',
        'headgate.dev/reserve-rule-1': '1',
        'headgate.dev/reserve-rule-7': '1',
      },
      [AT_ONCE, REQUESTS],
      'AIGatewayRoute',
    );
    const at = (rule: number, why: string): string =>
      `warning[HG0503]: BackendTrafficPolicy/default/p: metadata.annotations["headgate.dev/reserve-rule-${rule}"]: nothing is reserved: ${why}`;
    const noCost = 'the rule has no cost.response that it could stand for';
    expect(findings).to.deep.equal([at(0, noCost), at(1, noCost), at(7, 'there is no such global rule')]);
  });

  it('of what is no rule, or says nothing, close the route', () => {
    for (const [annotation, text] of [
      ['headgate.dev/reserve-rule-first', '1'],
      ['headgate.dev/reserve-rule-0', 'some'],
    ] as const) {
      const { reserves, findings } = reserved({ [annotation]: text }, [TOKENS], 'AIGatewayRoute');
      expect(findings[0]).to.match(/^error\[HG0502\]/);
      expect(findings[0]).to.include(annotation);
      expect(reserves).to.deep.equal([]);
    }
  });

  it('beside a cost of the request that nobody wrote are said: that is never given back', () => {
    const rules = [{ limit: LIMIT, cost: { response: NOTHING } }, AT_ONCE];
    const { reserves, findings } = reserved({ 'headgate.dev/reserve': '1' }, rules, 'AIGatewayRoute');
    expect(reserves).to.deep.equal([1, 1]);
    expect(findings.length).to.equal(1);
    expect(findings[0]).to.include('spec.rateLimit.global.rules[0].cost: each request takes 1');
  });

  it('of an HTTPRoute are numbers; estimates are said', () => {
    expect(reserved({ 'headgate.dev/reserve': '1' }, [AT_ONCE], 'HTTPRoute')).to.deep.equal({
      reserves: [1],
      findings: [],
    });
    const { reserves, findings } = reserved({ 'headgate.dev/reserve': 'prompt' }, [TOKENS], 'HTTPRoute');
    expect(reserves).to.deep.equal([undefined]);
    expect(findings).to.deep.equal([
      'warning[HG0503]: BackendTrafficPolicy/default/p: metadata.annotations["headgate.dev/reserve"]: HTTPRoute default/r reserves nothing: only an AIGatewayRoute has estimates (reserve a number)',
    ]);
  });
});
