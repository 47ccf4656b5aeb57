import { expect } from 'chai';
import fc from 'fast-check';
import type { GatewayIr } from '../../src/ir/index.ts';
import { FINDING_CODES } from '../../src/lib/findings.ts';
import { canonicalJson } from '../../src/lib/hash.ts';
import { type Translation, translate } from '../../src/policy/index.ts';
import type { UnknownObject } from '../../src/resources/index.ts';
import { objectSet } from '../support/policy-objects.ts';
import { OPTIONS, setOf } from '../unit/policy/fixtures.ts';

/** A text that is equal for equal translations. */
function textOf({ ir, secrets, findings, conditions, listeners }: Translation): string {
  return canonicalJson({ ir, secrets: [...secrets], findings, conditions, listeners });
}

function translateObjects(objects: readonly UnknownObject[]): Translation {
  return translate(setOf(objects), OPTIONS);
}

/** Names of the gateway's parts that something refers to, but that are not there. */
function danglingNames(gateway: GatewayIr, secrets: ReadonlySet<string>): string[] {
  const backends = new Set(gateway.backends.map(({ name }) => name));
  const own = new Set(gateway.secrets.map(({ name }) => name));
  const routes = gateway.listeners.flatMap(({ chains }) =>
    chains.flatMap(({ hosts }) => hosts.flatMap((h) => h.routes)),
  );
  const named = routes.flatMap(({ action }) => {
    if (action.kind === 'inference') return action.rule.backends.map(({ backend }) => backend);
    if (action.kind !== 'forward') return [];
    return [...action.forward.backends, ...action.forward.mirrors].map(({ backend }) => backend);
  });
  const certificates = gateway.listeners.flatMap(({ chains }) => chains.flatMap(({ tls }) => tls?.certificates ?? []));
  const keys = gateway.backends.flatMap(({ credential }) => (credential?.secret ? [credential.secret] : []));
  return [
    ...named.filter((name) => !backends.has(name)),
    ...[...certificates, ...keys].map(({ name }) => name).filter((name) => !own.has(name)),
    ...[...own].filter((name) => !secrets.has(name)),
  ];
}

describe('property: policy', () => {
  it('takes any objects without throwing, and is the same for any order of them', () => {
    const shuffled = objectSet.chain((objects) =>
      fc.tuple(fc.constant(objects), fc.shuffledSubarray(objects, { minLength: objects.length })),
    );
    fc.assert(
      fc.property(shuffled, ([objects, other]) => {
        expect(textOf(translateObjects(other))).to.equal(textOf(translateObjects(objects)));
      }),
      { numRuns: 300 },
    );
  });

  it('names only what it hands on: backends, secrets and findings of the catalogue', () => {
    fc.assert(
      fc.property(objectSet, (objects) => {
        const { ir, secrets, findings } = translateObjects(objects);
        const names = new Set(secrets.keys());
        expect(ir.gateways.flatMap((gateway) => danglingNames(gateway, names))).to.deep.equal([]);
        expect(findings.filter(({ code }) => !(code in FINDING_CODES))).to.deep.equal([]);
      }),
      { numRuns: 100 },
    );
  });

  it('never writes a secret into the Ir, a finding or a condition', () => {
    fc.assert(
      fc.property(objectSet, (objects) => {
        const { ir, findings, conditions } = translateObjects(objects);
        expect(JSON.stringify({ ir, findings, conditions })).not.to.contain('s3cret');
      }),
      { numRuns: 100 },
    );
  });

  it('does not change its input', () => {
    fc.assert(
      fc.property(objectSet, (objects) => {
        const set = setOf(objects);
        const before = JSON.stringify(set.objects.map(({ object }) => object));
        translate(set, OPTIONS);
        expect(JSON.stringify(set.objects.map(({ object }) => object))).to.equal(before);
      }),
      { numRuns: 30 },
    );
  });
});
