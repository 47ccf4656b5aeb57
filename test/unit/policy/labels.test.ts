import { expect } from 'chai';
import { matchesLabels } from '../../../src/policy/gateways/labels.ts';

const labels = { team: 'ml', tier: 'gold' };

function expression(key: string, operator: string, ...values: string[]): boolean {
  return matchesLabels({ matchExpressions: [{ key, operator, values }] }, labels);
}

describe('policy: label selectors', () => {
  it('take everything when they are empty', () => {
    expect(matchesLabels({}, {})).to.equal(true);
  });

  it('need all of their conditions', () => {
    const matchLabels = { team: 'ml' };
    const absent = [{ key: 'tier', operator: 'DoesNotExist' }];
    expect(matchesLabels({ matchLabels }, labels)).to.equal(true);
    expect(matchesLabels({ matchLabels, matchExpressions: absent }, labels)).to.equal(false);
    expect(matchesLabels({ matchLabels: { team: 'web' } }, labels)).to.equal(false);
  });

  it('know four operators, and select nothing by any other', () => {
    expect(expression('team', 'In', 'ml', 'web')).to.equal(true);
    expect(expression('team', 'In', 'web')).to.equal(false);
    expect(expression('team', 'NotIn', 'ml')).to.equal(false);
    expect(expression('none', 'NotIn', 'ml')).to.equal(true);
    expect(expression('team', 'Exists')).to.equal(true);
    expect(expression('none', 'Exists')).to.equal(false);
    expect(expression('none', 'DoesNotExist')).to.equal(true);
    expect(expression('team', 'Gt', '1')).to.equal(false);
  });

  it('do not find labels that every object of JavaScript has', () => {
    expect(expression('constructor', 'Exists')).to.equal(false);
  });
});
