import { expect } from 'chai';
import { type ConfigMap, configMapValue, type Secret, secretValue } from '../../../src/resources/core/index.ts';
import { validateObject } from '../../../src/resources/index.ts';

function validated(kind: string, fields: object) {
  const metadata = { name: 'a', namespace: 'default' };
  return validateObject({ apiVersion: 'v1', kind, metadata, ...fields }, () => undefined);
}

function accepted<T>(kind: string, fields: object): T {
  const { object, findings } = validated(kind, fields);
  expect(findings).to.deep.equal([]);
  const read: unknown = object;
  return read as T;
}

const textOf = (value: Uint8Array | undefined) => value && new TextDecoder().decode(value);

describe('Secret', () => {
  it('is opaque unless it says otherwise', () => {
    expect(accepted<Secret>('Secret', {}).type).to.equal('Opaque');
  });

  it('gives the bytes of a key, text before Base64', () => {
    const secret = accepted<Secret>('Secret', {
      data: { apiKey: 'b2xk', other: 'YWJj\nZA==', empty: '' },
      stringData: { apiKey: 'näw' },
    });
    expect(textOf(secretValue(secret, 'apiKey'))).to.equal('näw');
    expect(textOf(secretValue(secret, 'other'))).to.equal('abcd');
    expect(textOf(secretValue(secret, 'empty'))).to.equal('');
    expect(secretValue(secret, 'missing')).to.equal(undefined);
    expect(secretValue(secret, 'constructor')).to.equal(undefined);
  });

  it('keeps its values out of findings', () => {
    const cases = [
      { data: { apiKey: 'sk-proj-SECRET' } },
      { stringData: { apiKey: ['sk-proj-SECRET'] } },
      { stringData: 'sk-proj-SECRET' },
      { type: 'kubernetes.io/tls', stringData: { 'tls.crt': 'sk-proj-SECRET' } },
    ];
    for (const fields of cases) {
      const { valid, findings } = validated('Secret', fields);
      expect(valid).to.equal(false);
      expect(JSON.stringify(findings)).not.to.include('SECRET');
    }
  });
});

describe('ConfigMap', () => {
  it('gives the bytes of a key, as text or as Base64', () => {
    const configMap = accepted<ConfigMap>('ConfigMap', { data: { 'ca.crt': 'PEM' }, binaryData: { der: 'AAH/' } });
    expect(textOf(configMapValue(configMap, 'ca.crt'))).to.equal('PEM');
    expect([...(configMapValue(configMap, 'der') ?? [])]).to.deep.equal([0, 1, 255]);
    expect(configMapValue(configMap, 'toString')).to.equal(undefined);
  });
});
