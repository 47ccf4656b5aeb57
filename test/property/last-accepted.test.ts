/**
 * Random histories of snapshots to proxies that all reject the same contents: what is served is what they accept, in the
 * newest form that they accepted of each resource, and it comes to rest.
 */
import { expect } from 'chai';
import fc from 'fast-check';
import { type Acceptance, createAcceptance } from '../../src/xds/accepted.ts';
import { emptyType } from '../../src/xds/diff.ts';
import { createSnapshot, type Snapshot, TYPE } from '../../src/xds/index.ts';
import type { Rejection } from '../../src/xds/ledger.ts';
import { createNameSet } from '../../src/xds/names.ts';

const NAMES = ['a', 'b', 'c', 'd'];
const KEY = 'k';

/** Content of each name; contents below zero are rejected by every proxy. */
type Contents = Readonly<Record<string, number>>;

const isGood = (content: number): boolean => content >= 0;

const contents: fc.Arbitrary<Contents> = fc.dictionary(fc.constantFrom(...NAMES), fc.integer({ min: -2, max: 3 }), {
  maxKeys: NAMES.length,
  noNullPrototype: true,
});

function snapshotOf(all: Contents): Snapshot {
  return createSnapshot(
    Object.entries(all).map(([name, content]) => ({
      typeUrl: TYPE.cluster,
      name,
      value: Buffer.from(String(content)),
    })),
  );
}

function contentsOf(snapshot: Snapshot): Record<string, number> {
  const { resources } = snapshot.types.get(TYPE.cluster) ?? emptyType(TYPE.cluster);
  const byName = [...resources.values()].map(({ name, any }) => [
    name,
    Number(/-?\d$/.exec(Buffer.from(any).toString())?.[0]),
  ]);
  return Object.fromEntries(byName) as Record<string, number>;
}

/** Proxies that answer what they are given, each resource that changed, until nothing changes any more. */
class Fleet {
  readonly acceptance: Acceptance;
  served: Snapshot = snapshotOf({});
  pushes = 0;
  private readonly held: Map<string, number>[];

  constructor(proxies: number) {
    this.held = Array.from({ length: proxies }, () => new Map());
    this.acceptance = createAcceptance({
      settleMs: 0,
      onChange: () => undefined,
      publish: (_key, snapshot) => {
        if (snapshot.version !== this.served.version) this.pushes += 1;
        this.served = snapshot;
      },
    });
  }

  async rest(): Promise<void> {
    for (let round = 0; round < 8; round++) {
      const { version } = this.served;
      for (const [i, held] of this.held.entries()) this.answer(`n${i}`, held);
      await new Promise((resolve) => setTimeout(resolve, 3));
      if (this.served.version === version && round > 0) return;
    }
    throw new Error('it does not come to rest');
  }

  private answer(nodeId: string, held: Map<string, number>): void {
    const now = contentsOf(this.served);
    const to = this.served.types.get(TYPE.cluster) ?? emptyType(TYPE.cluster);
    const changed = Object.keys(now).filter((name) => held.get(name) !== now[name]);
    const bad = changed.filter((name) => !isGood(now[name] ?? 0));
    for (const name of [...held.keys()]) if (now[name] === undefined) held.delete(name);
    for (const name of changed) if (!bad.includes(name)) held.set(name, now[name] ?? 0);
    if (changed.length === 0) return;
    if (bad.length === 0) this.acceptance.accept(KEY, { names: createNameSet(changed), to });
    else {
      this.acceptance.reject(KEY, nodeId, { names: createNameSet(changed), to }, rejectionOf(bad));
      // The good company is sent again without what was rejected.
      const rest = changed.filter((name) => !bad.includes(name));
      if (rest.length > 0) this.acceptance.accept(KEY, { names: createNameSet(rest), to });
    }
  }
}

function rejectionOf(resources: readonly string[]): Rejection {
  return {
    version: '',
    code: 13,
    message: 'no',
    time: '2026-01-01T00:00:00.000Z',
    count: 1,
    resources,
    standing: true,
  };
}

describe('last accepted: random histories', () => {
  it('serves what is accepted, and comes to rest', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(contents, { minLength: 1, maxLength: 8 }),
        fc.integer({ min: 1, max: 3 }),
        async (history, proxies) => {
          const fleet = new Fleet(proxies);
          const lastGood = new Map<string, number>();
          try {
            for (const wanted of history) {
              fleet.acceptance.set(KEY, snapshotOf(wanted));
              await fleet.rest();
              // What a name was before it was dropped is remembered: it may come back in a form that is rejected.
              for (const [name, content] of Object.entries(wanted)) if (isGood(content)) lastGood.set(name, content);
              const expected: Record<string, number> = {};
              let substitutes = false;
              for (const [name, content] of Object.entries(wanted)) {
                const good = isGood(content) ? content : lastGood.get(name);
                if (good !== undefined) expected[name] = good;
                substitutes ||= !isGood(content) && good !== undefined;
              }
              const served = contentsOf(fleet.served);
              expect(Object.values(served).every(isGood)).to.equal(true);
              expect(served).to.include(expected);
              // Beside an older form may stand what that form needs, and nothing else ever.
              if (!substitutes) expect(served).to.deep.equal(expected);
              const withheld = fleet.acceptance.withheld().map(({ name }) => name);
              expect(withheld.sort()).to.deep.equal(
                Object.keys(wanted)
                  .filter((name) => !isGood(wanted[name] ?? 0))
                  .sort(),
              );
            }
          } finally {
            fleet.acceptance.close();
          }
        },
      ),
      { numRuns: 60 },
    );
  });
});
