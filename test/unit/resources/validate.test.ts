import { expect } from 'chai';
import type { FieldPath, Finding } from '../../../src/lib/findings.ts';
import { type UnknownObject, type ValidateOptions, validateObject } from '../../../src/resources/index.ts';

const apiVersion = 'aigateway.envoyproxy.io/v1beta1';

function route(spec: unknown, metadata: unknown = { name: 'a' }): UnknownObject {
  return { apiVersion, kind: 'AIGatewayRoute', metadata, spec } as UnknownObject;
}

function validate(object: unknown, options?: ValidateOptions) {
  return validateObject(object as UnknownObject, () => undefined, options);
}

function only(findings: readonly Finding[]): Partial<Finding> {
  expect(findings).to.have.length(1);
  return findings[0] ?? {};
}

describe('validateObject', () => {
  it('fills in defaults, in a copy', () => {
    const raw = route({ parentRefs: [{ name: 'gateway' }], rules: [{ backendRefs: [{ name: 'b' }] }] });
    const { object, valid, findings } = validate(raw);
    expect(findings).to.deep.equal([]);
    expect(valid).to.equal(true);
    expect(object).to.deep.equal({
      apiVersion,
      kind: 'AIGatewayRoute',
      metadata: { name: 'a', namespace: 'default' },
      spec: {
        parentRefs: [{ group: 'gateway.networking.k8s.io', kind: 'Gateway', name: 'gateway' }],
        rules: [{ backendRefs: [{ name: 'b', priority: 0, weight: 1 }], modelsOwnedBy: 'Envoy AI Gateway' }],
      },
    });
    expect(raw.spec).to.deep.equal({ parentRefs: [{ name: 'gateway' }], rules: [{ backendRefs: [{ name: 'b' }] }] });
  });

  it('says where an unknown field stands, and what was meant', () => {
    const asked: FieldPath[] = [];
    const object = route({ rules: [{ backendRefs: [{ name: 'b', wieght: 1 }] }] });
    const { findings, valid } = validateObject(object, (path) => {
      asked.push(path);
      return { file: 'a.yaml', line: 7, column: 9 };
    });
    expect(valid).to.equal(false);
    expect(findings).to.deep.equal([
      {
        code: 'HG0108',
        level: 'error',
        message: 'is not a known field',
        object: 'AIGatewayRoute/default/a',
        place: { file: 'a.yaml', line: 7, column: 9 },
        field: 'spec.rules[0].backendRefs[0].wieght',
        hint: 'did you mean weight?',
      },
    ]);
    expect(asked).to.deep.equal([['spec', 'rules', 0, 'backendRefs', 0, 'wieght']]);
  });

  it('warns of unknown fields and drops them where they are to be ignored', () => {
    const { findings, valid, object } = validate(route({ rules: [], bogus: 1 }), { ignoreUnknown: true });
    expect(only(findings)).to.include({ code: 'HG0108', level: 'warning', field: 'spec.bogus' });
    expect(valid).to.equal(true);
    expect(object.spec).to.deep.equal({ rules: [] });
  });

  it('keeps an invalid object as written', () => {
    const { object, valid } = validate(route({ rules: [{ backendRefs: [{ name: 5 }] }], bogus: 1 }));
    expect(valid).to.equal(false);
    expect(object.spec).to.deep.equal({ rules: [{ backendRefs: [{ name: 5 }] }], bogus: 1 });
  });

  it('reports every schema error at once, and rules only where the schema is kept', () => {
    const { findings } = validate(
      route({ rules: [{ name: 'A', timeouts: { request: '1s', backendRequest: '2s' } }, 5] }),
    );
    expect(findings.map(({ code, field, message }) => `${code} ${field} ${message}`)).to.deep.equal([
      "HG0106 spec.rules[0].name must be lower case letters, digits, '-' and '.', as in a.example.com",
      'HG0106 spec.rules[1] must be an object, not a number',
    ]);
  });

  it('names the rule that is broken, in words', () => {
    const { findings } = validate(route({ rules: [{ timeouts: { request: '1s', backendRequest: '2s' } }] }));
    expect(only(findings)).to.include({
      code: 'HG0107',
      field: 'spec.rules[0].timeouts',
      message: 'backendRequest cannot be longer than request',
    });
  });

  it('finds two items of a list with one key', () => {
    const header = { name: 'x-a', value: 'b' };
    const { findings } = validate(route({ rules: [{ matches: [{ headers: [header, header] }] }] }));
    expect(only(findings)).to.include({
      code: 'HG0106',
      field: 'spec.rules[0].matches[0].headers[1]',
      message: 'has the same name as item 0',
    });
  });

  it('offers the nearest value of a closed set', () => {
    const spec = {
      schema: { name: 'OpenAi' },
      backendRef: { group: 'gateway.envoyproxy.io', kind: 'Backend', name: 'a' },
    };
    const { findings } = validate({ apiVersion, kind: 'AIServiceBackend', metadata: { name: 'a' }, spec });
    expect(only(findings)).to.include({ field: 'spec.schema.name', hint: 'did you mean OpenAI?' });
  });

  it('says one thing about a string, and helps with what YAML took for a number', () => {
    const rules = [{ name: '', modelsOwnedBy: 1.5, backendRefs: [{ name: true }] }];
    const { findings } = validate(route({ rules, hostnames: ['A b'], parentRefs: [{ name: 'a', port: 'http' }] }));
    expect(findings.map(({ field, message, hint }) => `${field} ${message} ${hint ?? ''}`.trim())).to.have.members([
      'spec.rules[0].name must not be empty',
      'spec.rules[0].modelsOwnedBy must be a string, not a number quote it',
      'spec.rules[0].backendRefs[0].name must be a string, not a boolean quote it',
      'spec.hostnames[0] must be a host name such as a.example.com or *.example.com',
      'spec.parentRefs[0].port must be an integer, not a string',
    ]);
  });

  it('does not print the value of a field', () => {
    const secret = 'sk-secret-1';
    const { findings } = validate({
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { name: 'a' },
      data: { apiKey: secret },
    });
    expect(only(findings)).to.include({ code: 'HG0106', field: 'data.apiKey' });
    expect(JSON.stringify(findings)).not.to.include(secret);
  });

  it('reads a deprecated version as the stored one, with a warning', () => {
    const old = { ...route({ rules: [] }), apiVersion: 'aigateway.envoyproxy.io/v1alpha1' };
    const { object, valid, findings } = validate(old);
    expect(only(findings)).to.include({ code: 'HG0112', level: 'warning', hint: `use ${apiVersion}` });
    expect([valid, object.apiVersion]).to.deep.equal([true, apiVersion]);
  });

  it('warns of fields that have no effect yet, where they are set', () => {
    const config = { apiVersion, kind: 'GatewayConfig', metadata: { name: 'a' }, spec: { extProc: {} } };
    const { findings, valid } = validate(config);
    expect(only(findings)).to.include({ code: 'HG0111', level: 'warning', field: 'spec.extProc' });
    expect(valid).to.equal(true);
    expect(validate({ ...config, spec: {} }).findings).to.deep.equal([]);
  });

  it('refuses an object that holds itself', () => {
    const rule: Record<string, unknown> = {};
    rule.backendRefs = [rule];
    const { findings, valid, object } = validate(route({ rules: [rule] }));
    expect(findings.map(({ message }) => message)).to.include('is nested more than 200 levels deep');
    expect(valid).to.equal(false);
    expect(() => JSON.stringify(object)).not.to.throw();
  });

  it('ignores unknown kinds with a warning that helps, and unknown versions of known kinds with an error', () => {
    const typo = validate({ ...route({}), kind: 'AIGatewayRout' });
    expect(only(typo.findings)).to.include({ code: 'HG0110', level: 'warning' });
    expect(only(typo.findings).hint).to.equal(`did you mean AIGatewayRoute of ${apiVersion}?`);
    expect(typo.valid).to.equal(false);
    const nameless = validate({ apiVersion: 'kustomize.config.k8s.io/v1beta1', kind: 'Kustomization' });
    expect(only(nameless.findings)).to.include({ level: 'warning', object: 'Kustomization' });
    const other = { apiVersion: 'gateway.envoyproxy.io/v1alpha1', kind: 'ClientTrafficPolicy' };
    expect(only(validate({ ...route({}), ...other }).findings)).to.not.have.property('hint');
    const version = validate({ ...route({}), apiVersion: 'aigateway.envoyproxy.io/v9' });
    expect(only(version.findings)).to.include({ code: 'HG0110', level: 'error' });
    expect(only(version.findings).hint).to.match(/^use aigateway.envoyproxy.io\/v1beta1 or /);
  });
});

describe('metadata', () => {
  const errors = (metadata: unknown) =>
    validate(route({ rules: [] }, metadata)).findings.map(({ field, message }) => `${field} ${message}`);

  it('needs a name in the form of Kubernetes', () => {
    expect(errors({})).to.deep.equal(['metadata.name is required']);
    expect(errors(null)).to.deep.equal(['metadata must be an object', 'metadata.name is required']);
    expect(errors({ name: 5 })).to.deep.equal(['metadata.name must be a string']);
    expect(errors({ name: 'a'.repeat(254) })).to.deep.equal(['metadata.name must have at most 253 characters']);
    expect(errors({ name: 'A_b' })[0]).to.match(/^metadata.name must be lower case letters/);
    expect(errors({ name: 'a.b-c' })).to.deep.equal([]);
  });

  it('takes labels and annotations of strings alone', () => {
    expect(errors({ name: 'a', labels: { 'example.com/a': 'b' }, annotations: { 'A/B': 'any text' } })).to.deep.equal(
      [],
    );
    expect(errors({ name: 'a', labels: { a: true } })).to.deep.equal(['metadata.labels.a must be a string']);
    expect(errors({ name: 'a', labels: { 'a b': 'c' } })).to.deep.equal([
      'metadata.labels["a b"] is not a valid key of labels',
    ]);
  });

  it('knows its own fields', () => {
    expect(errors({ name: 'a', lables: {} })).to.deep.equal(['metadata.lables is not a known field']);
  });

  it('has no namespace in kinds that belong to none', () => {
    const spec = { controllerName: 'example.com/a' };
    const gatewayClass = (namespace: string) =>
      validate({
        apiVersion: 'gateway.networking.k8s.io/v1',
        kind: 'GatewayClass',
        metadata: { name: 'a', namespace },
        spec,
      });
    expect(only(gatewayClass('b').findings)).to.include({ field: 'metadata.namespace', object: 'GatewayClass/a' });
    expect(gatewayClass('').object.metadata).to.deep.equal({ name: 'a' });
  });
});
