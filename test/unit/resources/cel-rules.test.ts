import { expect } from 'chai';
import { InvariantError } from '../../../src/lib/errors.ts';
import { checkRules, compileRule } from '../../../src/resources/cel-rules.ts';
import { asJsonSchema } from '../../../src/resources/json-schema.ts';
import { int32, list, mapOf, number, object, optional, type TSchema, text } from '../../../src/resources/schema.ts';

/** Whether a value keeps a rule. */
function keeps(rule: string, value: unknown, schema: TSchema = {}): boolean {
  return (
    checkRules({ ...asJsonSchema(schema), 'x-kubernetes-validations': [{ rule, message: 'broken' }] }, value).length ===
    0
  );
}

describe('CEL rules', () => {
  it('see integers as int and other numbers as double', () => {
    const schema = object({ count: optional(int32()), share: optional(number()) });
    expect(keeps('self.count / 2 == 2', { count: 5 }, schema)).to.equal(true);
    expect(keeps('self.share / 2.0 == 2.5', { share: 5 }, schema)).to.equal(true);
  });

  it('are broken where their evaluation fails', () => {
    expect(keeps("self.a == 'x'", {})).to.equal(false);
    expect(keeps("!has(self.a) || self.a == 'x'", {})).to.equal(true);
    expect(keeps('self.a', { a: 'not a bool' })).to.equal(false);
  });

  it('know the macros and functions that the kinds use', () => {
    expect(keeps("self.all(a, a.startsWith('x')) && self.exists_one(a, a == 'xa')", ['xa', 'xb'])).to.equal(true);
    expect(keeps("self.filter(a, a != 'b').map(a, a + 'c') == ['ac']", ['a', 'b'])).to.equal(true);
    expect(keeps("duration(self) > duration('59s')", '1m')).to.equal(true);
    expect(keeps("self.lowerAscii() == 'a' && self.split('/')[0].size() == 1", 'A')).to.equal(true);
    expect(keeps('isIP(self)', '10.0.0.1')).to.equal(true);
    expect(keeps('isIP(self)', 'fe80::1%eth0')).to.equal(false);
    expect(keeps('isIP(self)', '::ffff:10.0.0.1')).to.equal(false);
    expect(keeps('isURL(self)', 'a.example.com')).to.equal(false);
  });

  it('match regular expressions as RE2 does, in linear time', () => {
    expect(keeps("self.matches('(?i)^abc$')", 'ABC')).to.equal(true);
    expect(keeps("self.matches('^(a+)+$')", `${'a'.repeat(50_000)}b`)).to.equal(false);
    expect(keeps("self.matches('b')", 'abc')).to.equal(true);
  });

  it('look at fields of an item by its index', () => {
    expect(keeps('has(self.a[0].b)', { a: [{ b: 1 }] })).to.equal(true);
    expect(keeps('has(self.a[0].b)', { a: [{}] })).to.equal(false);
  });

  it('spell reserved words as Kubernetes does', () => {
    expect(keeps("self.__namespace__ == 'a'", { namespace: 'a' }, object({ namespace: text() }))).to.equal(true);
    expect(keeps("self['a-b'] == 'c'", { 'a-b': 'c' }, mapOf(text()))).to.equal(true);
  });

  it('cannot reach what an object inherits', () => {
    expect(keeps('has(self.constructor)', {})).to.equal(false);
    expect(keeps("'toString' in self", {})).to.equal(false);
  });

  it('that compare with the old object do not apply to a new one', () => {
    expect(keeps('self == oldSelf', 'a')).to.equal(true);
  });

  it('are reported where they stand', () => {
    const positive = { rules: [{ rule: 'self > 0', message: 'not positive' }] };
    const schema = object({ a: list(object({ b: int32(positive) })) });
    expect(checkRules(asJsonSchema(schema), { a: [{ b: 1 }, { b: -1 }] })).to.deep.equal([
      { path: ['a', 1, 'b'], message: 'not positive' },
    ]);
  });

  it('that do not compile are a bug', () => {
    expect(() => compileRule('self ==')).to.throw(InvariantError);
    expect(() => compileRule('nothing.there')).to.throw(InvariantError);
  });
});
