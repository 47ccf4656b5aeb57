import { expect } from 'chai';
import type { InferenceRuleIr, RouteIr } from '../../../src/ir/index.ts';
import type { Translation } from '../../../src/policy/index.ts';
import { codesOf, translateYaml } from './fixtures.ts';

const GATEWAY = `
apiVersion: gateway.networking.k8s.io/v1
kind: GatewayClass
metadata: { name: headgate }
spec: { controllerName: headgate.dev/gateway-controller }
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: { name: gw }
spec:
  gatewayClassName: headgate
  listeners: [{ name: http, protocol: HTTP, port: 80 }]
---
apiVersion: gateway.envoyproxy.io/v1alpha1
kind: Backend
metadata: { name: one }
spec: { endpoints: [{ fqdn: { hostname: one.internal, port: 8080 } }] }
`;

function backend(name: string): string {
  return `---
apiVersion: aigateway.envoyproxy.io/v1beta1
kind: AIServiceBackend
metadata: { name: ${name} }
spec: { schema: { name: OpenAI }, backendRef: { group: gateway.envoyproxy.io, kind: Backend, name: one } }
`;
}

function route(rule: string): string {
  return `---
apiVersion: aigateway.envoyproxy.io/v1beta1
kind: AIGatewayRoute
metadata: { name: chat }
spec: { parentRefs: [{ name: gw }], rules: [${rule}] }
`;
}

function policy(name: string, secret: string): string {
  return `---
apiVersion: aigateway.envoyproxy.io/v1beta1
kind: BackendSecurityPolicy
metadata: { name: ${name} }
spec:
  targetRefs: [{ group: aigateway.envoyproxy.io, kind: AIServiceBackend, name: ${name} }]
  type: APIKey
  apiKey: { secretRef: { name: ${secret} } }
`;
}

function secret(name: string, value: string): string {
  return `---
apiVersion: v1
kind: Secret
metadata: { name: ${name} }
stringData: { apiKey: ${JSON.stringify(value)} }
`;
}

function routesOf({ ir }: Translation): RouteIr[] {
  return ir.gateways.flatMap(({ listeners }) =>
    listeners.flatMap(({ chains }) => chains.flatMap(({ hosts }) => hosts.flatMap(({ routes }) => routes))),
  );
}

function ruleOf(translation: Translation): InferenceRuleIr {
  const [first] = routesOf(translation);
  if (first?.action.kind !== 'inference') throw new Error(`not served: ${codesOf(translation).join('\n')}`);
  return first.action.rule;
}

describe('policy: translate', () => {
  it('hands on the values of the secrets that are used, without a trailing line break, and no others', () => {
    const translation = translateYaml(
      [
        GATEWAY,
        backend('a') + backend('b') + backend('unused') + route('{ backendRefs: [{ name: a }, { name: b }] }'),
        policy('a', 'key-a') + policy('b', 'key-a') + policy('unused', 'key-b'),
        secret('key-a', 'sk-a\n') + secret('key-b', 'sk-b'),
      ].join(''),
    );
    expect([...translation.secrets]).to.deep.equal([
      ['Secret/default/key-a/apiKey', { kind: 'generic', value: 'sk-a' }],
    ]);
  });

  it('shares one rule object among all matches and hosts of a rule', () => {
    const matches =
      '[{ headers: [{ name: x-ai-eg-model, value: m }] }, { headers: [{ name: x-ai-eg-model, value: n }] }]';
    const text = GATEWAY + backend('a') + route(`{ matches: ${matches}, backendRefs: [{ name: a }] }`);
    const actions = new Set(routesOf(translateYaml(text)).map(({ action }) => action));
    expect(actions.size).to.equal(1);
  });

  it('tries each backend once without a policy, and a single one not again', () => {
    const two = GATEWAY + backend('a') + backend('b') + route('{ backendRefs: [{ name: a }, { name: b }] }');
    expect(ruleOf(translateYaml(two)).retry)
      .to.include({ attemptsPerBackend: 1 })
      .and.not.have.property('numRetries');
    const one = GATEWAY + backend('a') + route('{ backendRefs: [{ name: a }] }');
    expect(ruleOf(translateYaml(one)).retry).to.include({ attemptsPerBackend: 1, numRetries: 0 });
  });

  it('keeps the order of the YAML within a priority, and the same backend twice', () => {
    const refs = '{ name: b, priority: 2 }, { name: a, priority: 1 }, { name: b, priority: 1, modelNameOverride: m }';
    const rule = ruleOf(translateYaml(GATEWAY + backend('a') + backend('b') + route(`{ backendRefs: [${refs}] }`)));
    expect(rule.backends.map((one) => [one.backend.split('/').at(-1), one.priority, one.modelOverride])).to.deep.equal([
      ['a', 1, undefined],
      ['b', 1, 'm'],
      ['b', 2, undefined],
    ]);
  });

  it('has no time of its own: a timeout of 0s is none', () => {
    const text = GATEWAY + backend('a') + route('{ backendRefs: [{ name: a }], timeouts: { request: 0s } }');
    expect(ruleOf(translateYaml(text)).requestTimeoutMs).to.equal(0);
  });

  it('does not make a rule match everything when its only match cannot be read', () => {
    const matches = '[{ headers: [{ name: x-ai-eg-model, type: RegularExpression, value: "(" }] }]';
    const translation = translateYaml(
      GATEWAY + backend('a') + route(`{ matches: ${matches}, backendRefs: [{ name: a }] }`),
    );
    expect(routesOf(translation)).to.deep.equal([]);
    expect(codesOf(translation)).to.deep.equal([
      'HG0301 error AIGatewayRoute/default/chat spec.rules[0].matches[0].headers[0].value',
    ]);
  });

  it('never calls a provider without the credential that a policy asks for', () => {
    const translation = translateYaml(
      GATEWAY + backend('a') + policy('a', 'missing') + route('{ backendRefs: [{ name: a }] }'),
    );
    expect(routesOf(translation).map(({ action }) => action)).to.deep.equal([
      { kind: 'respond', status: 500, message: 'no backend of this route can be used' },
    ]);
    expect(translation.ir.gateways.flatMap(({ backends }) => backends)).to.deep.equal([]);
  });

  it('translates an empty set into nothing', () => {
    const { ir, secrets, findings, conditions, listeners } = translateYaml('');
    expect({ ir, secrets: [...secrets], findings, conditions, listeners }).to.deep.equal({
      ir: { gateways: [] },
      secrets: [],
      findings: [],
      conditions: [],
      listeners: [],
    });
  });

  it('reports the generation that a condition is about', () => {
    const text = GATEWAY.replace('metadata: { name: gw }', 'metadata: { name: gw, generation: 7 }');
    const own = translateYaml(text).conditions.filter(({ object }) => object === 'Gateway/default/gw');
    expect(new Set(own.map(({ observedGeneration }) => observedGeneration))).to.deep.equal(new Set([7]));
  });
});
