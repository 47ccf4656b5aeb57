/**
 * Make before break, over random histories: a simulated proxy applies what it gets, in order, and answers late. At no
 * state that it accepts may a route or a filter name a cluster it lacks, or a cluster an assignment or a secret it lacks;
 * at the end it has exactly the last configuration.
 */
import { expect } from 'chai';
import fc from 'fast-check';
import { discoveryCodec } from '../../../src/envoy/schema/index.ts';
import { createDiffs } from '../../../src/xds/diff.ts';
import { createSnapshot, type ResourceInput, type Snapshot, TYPE } from '../../../src/xds/index.ts';
import type { Held } from '../../../src/xds/removals.ts';
import { createResponses, type Variant } from '../../../src/xds/responses.ts';
import { type StreamShared, XdsStream } from '../../../src/xds/stream.ts';
import { applyDeltaRequest } from '../../../src/xds/stream-delta.ts';
import { applySotwRequest } from '../../../src/xds/stream-sotw.ts';
import { createSubscriptions } from '../../../src/xds/subscription.ts';
import type { Transport } from '../../../src/xds/transport.ts';
import { decodeDeltaRequest, decodeSotwRequest, encodeNonce } from '../../../src/xds/wire.ts';

const { cluster: CDS, endpoints: EDS, listener: LDS, route: RDS, secret: SDS } = TYPE;
const TYPES = [CDS, EDS, SDS, LDS, RDS];

/** Clusters with a content each, which says what secret they need; the routes name some of them, and a filter one. */
interface Revision {
  readonly clusters: Readonly<Record<string, number>>;
  readonly endpoints: number;
  readonly listener: number;
  readonly secrets: number;
  /** What a filter of the listener calls, as a rate limit service. */
  readonly service: string;
  readonly targets: readonly string[];
}

const CLUSTERS = ['a', 'b', 'c', 'd'];

const revision: fc.Arbitrary<Revision> = fc
  .record({
    clusters: fc.dictionary(fc.constantFrom(...CLUSTERS), fc.nat(2), { minKeys: 1 }),
    endpoints: fc.nat(2),
    listener: fc.nat(1),
    secrets: fc.nat(1),
    serves: fc.nat(3),
    pick: fc.array(fc.nat(3), { minLength: 1, maxLength: 3 }),
  })
  .map(({ pick, serves, clusters, ...rest }) => {
    const names = Object.keys(clusters).sort();
    const nameAt = (i: number): string => names[i % names.length] ?? '';
    return { ...rest, clusters, service: nameAt(serves), targets: pick.map(nameAt) };
  });

/** Of a cluster with that content. */
const secretOf = (content: string | number): string => `s${Number(content) % 2}`;

function snapshotOf(revision: Revision, previous?: Snapshot): Snapshot {
  const resource = (typeUrl: string, name: string, content: string, ...needs: [string, string][]): ResourceInput => ({
    typeUrl,
    name,
    value: Buffer.from(`${name}=${content}`),
    requires: needs.map(([type, needed]) => ({ typeUrl: type, name: needed })),
  });
  const secrets = new Set(Object.values(revision.clusters).map(secretOf));
  return createSnapshot(
    [
      ...Object.entries(revision.clusters).flatMap(([name, content]) => [
        resource(CDS, name, String(content), [EDS, name], [SDS, secretOf(content)]),
        resource(EDS, name, String(revision.endpoints)),
      ]),
      ...[...secrets].map((name) => resource(SDS, name, String(revision.secrets))),
      resource(LDS, 'l', `${revision.listener}/${revision.service}`, [RDS, 'r']),
      resource(RDS, 'r', revision.targets.join()),
    ],
    previous,
  );
}

/** A proxy that does what Envoy does: names follow what it was given, clusters are answered when all are warm. */
class SimulatedProxy {
  readonly has = new Map<string, Map<string, string>>(TYPES.map((type) => [type, new Map()]));
  /** Content of the clusters that serve: of one that changed the old one does until the new one is warm. */
  readonly active = new Map<string, string>();
  /** Secrets that are said not to exist. */
  readonly missing = new Set<string>();
  /** It came back while clusters were warming. Envoy asks for none then (paused-clusters.test.ts); this one does. */
  private isAhead = false;
  readonly inbox: Buffer[] = [];
  readonly answers: (() => void)[] = [];
  /** Names whose assignment has to arrive before their cluster is warm. */
  readonly warming = new Set<string>();
  clusterAnswer: (() => void) | undefined;
  private readonly variant: Variant;
  private readonly shared: StreamShared;
  private stream: XdsStream;
  private goal: Snapshot | undefined;
  private heldBefore: Held | undefined;
  private nonces = new Map<string, string>();
  /** SotW: version of each type. */
  private readonly versions = new Map<string, string>();
  /** Delta: version of each resource, by type. */
  private readonly resourceVersions = new Map<string, Map<string, string>>();
  private first = true;

  constructor(variant: Variant) {
    this.variant = variant;
    const diffs = createDiffs();
    this.shared = {
      diffs,
      subscriptions: createSubscriptions(),
      responses: createResponses(diffs, 1_000_000),
      ackTimeoutMs: 3_600_000,
      warmingMs: 3_600_000,
      onAck: () => undefined,
      onAccepted: () => undefined,
      onAnswer: () => undefined,
      onReturn: () => undefined,
      onNack: () => undefined,
      onSend: () => undefined,
      onSilence: () => undefined,
      onFailure: (_stream, caught) => {
        throw caught;
      },
      heldBefore: () => this.heldBefore,
      siblings: () => [],
    };
    this.stream = this.connect();
    for (const typeUrl of [CDS, LDS]) this.say(typeUrl, [], []);
  }

  private connect(): XdsStream {
    const stop = (error: Error): never => {
      throw error;
    };
    const transport: Transport = {
      send: (body, nonce) => this.inbox.push(Buffer.concat([body, encodeNonce(nonce)])),
      idle: true,
      blockedSince: undefined,
      peer: '',
      fail: stop,
      cut: stop,
    };
    return new XdsStream(1, this.variant, undefined, transport, this.shared);
  }

  setGoal(snapshot: Snapshot): void {
    this.goal = snapshot;
    this.stream.setGoal(snapshot);
    this.stream.pump();
  }

  /**
   * Loses what is on its way, and comes back with what it has, in delta also to a server that never saw it. There nobody
   * knows what it waits for, and it gives up.
   */
  reconnect(elsewhere: boolean): void {
    this.stream.close();
    this.isAhead = !this.allWarm;
    const stranger = elsewhere && this.variant === 'delta';
    this.heldBefore = stranger ? undefined : this.stream.held;
    if (stranger) this.warming.clear();
    this.inbox.length = 0;
    this.answers.length = 0;
    this.clusterAnswer = undefined;
    this.nonces = new Map();
    this.first = true;
    this.stream = this.connect();
    for (const typeUrl of TYPES) {
      const names = this.names(typeUrl);
      if (names.length === 0 && typeUrl !== CDS && typeUrl !== LDS) continue;
      this.say(typeUrl, names, [], '', true);
      this.stream.setGoal(this.goal);
      this.stream.pump();
    }
  }

  get synced(): boolean {
    return this.stream.status().every((type) => type.synced);
  }

  private of(typeUrl: string): Map<string, string> {
    return this.has.get(typeUrl) ?? new Map();
  }

  private names(typeUrl: string): string[] {
    if (typeUrl === EDS) return [...this.of(CDS).keys()];
    if (typeUrl === SDS) return [...new Set([...this.of(CDS).values(), ...this.active.values()].map(secretOf))].sort();
    return typeUrl === RDS && this.of(LDS).size > 0 ? ['r'] : [];
  }

  private say(typeUrl: string, add: string[], drop: string[], nonce = '', returns = false): void {
    const node = this.first ? { node: { id: 'n' } } : {};
    this.first = false;
    const state = this.stream.state(typeUrl);
    if (this.variant === 'sotw') {
      const response_nonce = this.nonces.get(typeUrl) ?? '';
      const resource_names = this.names(typeUrl);
      const version_info = returns ? (this.versions.get(typeUrl) ?? '') : '';
      const request = { ...node, type_url: typeUrl, resource_names, response_nonce, version_info };
      const bytes = discoveryCodec.encodeRequest(request);
      applySotwRequest(this.stream, state, decodeSotwRequest(Buffer.from(bytes), true));
    } else {
      const held = [...(this.resourceVersions.get(typeUrl) ?? [])].filter(([name]) => this.of(typeUrl).has(name));
      const lists = {
        resource_names_subscribe: add,
        resource_names_unsubscribe: drop,
        initial_resource_versions: returns ? Object.fromEntries(held) : {},
      };
      const bytes = discoveryCodec.encodeDeltaRequest({ ...node, type_url: typeUrl, ...lists, response_nonce: nonce });
      applyDeltaRequest(this.stream, state, decodeDeltaRequest(Buffer.from(bytes), true));
    }
    this.stream.pump();
  }

  /** Takes one message from the wire. */
  receive(): void {
    const [bytes] = this.inbox.splice(0, 1);
    if (bytes === undefined) return;
    const { typeUrl, nonce, resources, removed } = this.read(bytes);
    this.nonces.set(typeUrl, nonce);
    const namesBefore = new Map([EDS, SDS, RDS].map((type) => [type, new Set(this.names(type))]));
    const held = this.of(typeUrl);
    const before = new Map(held);
    const full = this.variant === 'sotw' && (typeUrl === CDS || typeUrl === LDS);
    if (full) held.clear();
    for (const [name, content] of resources) held.set(name, content);
    // Envoy keeps a secret that is taken away.
    if (typeUrl !== SDS) for (const name of removed) held.delete(name);
    if (typeUrl === CDS) {
      for (const [name, content] of held) if (before.get(name) !== content) this.warming.add(name);
      for (const name of before.keys()) {
        if (held.has(name)) continue;
        this.warming.delete(name);
        this.active.delete(name);
      }
    }
    if (typeUrl === SDS) {
      for (const name of removed) this.missing.add(name);
      for (const [name] of resources) this.missing.delete(name);
    }
    // A cluster whose assignment is said not to exist is as warm as it gets.
    if (typeUrl === EDS) for (const name of [...resources.map(([name]) => name), ...removed]) this.warming.delete(name);
    for (const [name, content] of this.of(CDS)) {
      if (this.isWarm(name, content) && this.of(SDS).has(secretOf(content))) this.active.set(name, content);
    }
    this.follow(namesBefore);
    // One may arrive after the last cluster that named it has gone.
    for (const name of this.of(SDS).keys()) if (!this.names(SDS).includes(name)) this.of(SDS).delete(name);
    const answer = (): void => this.say(typeUrl, [], [], nonce);
    if (typeUrl === CDS) this.clusterAnswer = answer;
    // In SotW nobody could tell later that a secret was dropped and asked for again in between.
    else if (typeUrl === SDS) answer();
    else this.answers.push(answer);
    this.check();
  }

  /** Subscribes to what the new clusters and listeners name, and drops what nothing names. */
  private follow(before: ReadonlyMap<string, ReadonlySet<string>>): void {
    for (const typeUrl of [EDS, SDS, RDS]) {
      const now = new Set(this.names(typeUrl));
      const was = before.get(typeUrl) ?? new Set();
      const add = [...now].filter((name) => !was.has(name));
      const drop = [...was].filter((name) => !now.has(name));
      for (const name of drop) this.of(typeUrl).delete(name);
      // In SotW the request also answers the last response of its type, as Envoy's does.
      if (add.length > 0 || drop.length > 0) this.say(typeUrl, add, drop);
    }
  }

  private isWarm(name: string, content: string): boolean {
    const secret = secretOf(content);
    return !this.warming.has(name) && (this.of(SDS).has(secret) || this.missing.has(secret));
  }

  private get allWarm(): boolean {
    return [...this.of(CDS)].every(([name, content]) => this.isWarm(name, content));
  }

  /** Gives one answer that it owes. */
  answer(): void {
    if (this.clusterAnswer !== undefined && this.allWarm) {
      const { clusterAnswer } = this;
      this.clusterAnswer = undefined;
      clusterAnswer();
    } else this.answers.shift()?.();
  }

  private read(bytes: Buffer) {
    if (this.variant === 'sotw') {
      const response = discoveryCodec.decodeResponse(bytes);
      this.versions.set(response.type_url, response.version_info);
      const resources = response.resources.map(({ value }) => splitContent(Buffer.from(value).toString()));
      return { typeUrl: response.type_url, nonce: response.nonce, resources, removed: [] as string[] };
    }
    const response = discoveryCodec.decodeDeltaResponse(bytes);
    const versions = this.resourceVersions.get(response.type_url) ?? new Map<string, string>();
    this.resourceVersions.set(response.type_url, versions);
    for (const { name, version } of response.resources ?? []) versions.set(name, version);
    const resources = (response.resources ?? []).map(({ resource }) =>
      splitContent(Buffer.from(resource?.value ?? []).toString()),
    );
    const removed = [...(response.removed_resources ?? [])];
    return { typeUrl: response.type_url, nonce: response.nonce, resources, removed };
  }

  private check(): void {
    const routes = this.of(RDS).get('r');
    this.isAhead &&= !this.allWarm;
    const service = this.of(LDS).get('l')?.split('/')[1];
    for (const target of [...(routes === undefined ? [] : routes.split(',')), ...(service ? [service] : [])]) {
      const why = `routes to ${routes}, a filter that calls ${service}`;
      expect([...this.of(CDS).keys()], why).to.include(target);
      expect([...this.of(EDS).keys()], `endpoints of ${target}`).to.include(target);
      if (this.isAhead) continue;
      expect([...this.active.keys()], `${why}, warm`).to.include(target);
      expect([...this.of(SDS).keys()], `secret of ${target}`).to.include(secretOf(this.active.get(target) ?? ''));
    }
  }
}

function splitContent(text: string): readonly [string, string] {
  const at = text.indexOf('=');
  return [text.slice(0, at), text.slice(at + 1)];
}

/** What happens next: a revision is published, a message arrives, an answer is given, the connection is lost. */
const step = fc.oneof(
  { weight: 1, arbitrary: revision.map((value) => ({ kind: 'publish' as const, value })) },
  { weight: 4, arbitrary: fc.constant({ kind: 'receive' as const }) },
  { weight: 3, arbitrary: fc.constant({ kind: 'answer' as const }) },
  { weight: 1, arbitrary: fc.boolean().map((elsewhere) => ({ kind: 'reconnect' as const, elsewhere })) },
);

for (const variant of ['sotw', 'delta'] as const) {
  describe(`xds: random histories, ${variant}`, () => {
    it('never break what the proxy runs, and end where they should', () => {
      fc.assert(
        fc.property(revision, fc.array(step, { maxLength: 80, size: 'max' }), (start, steps) => {
          const proxy = new SimulatedProxy(variant);
          let last = snapshotOf(start);
          let wanted = start;
          proxy.setGoal(last);
          for (const next of steps) {
            if (next.kind === 'publish') {
              wanted = next.value;
              last = snapshotOf(wanted, last);
              proxy.setGoal(last);
            } else if (next.kind === 'receive') proxy.receive();
            else if (next.kind === 'reconnect') proxy.reconnect(next.elsewhere);
            else proxy.answer();
          }
          // Whatever is still under way comes to its end.
          for (let i = 0; i < 200; i++) {
            proxy.receive();
            proxy.answer();
          }
          expect(proxy.synced).to.equal(true);
          expect([...proxy.warming]).to.deep.equal([]);
          for (const typeUrl of TYPES) {
            const expected = [...(last.types.get(typeUrl)?.resources.values() ?? [])].map(({ name }) => name).sort();
            expect([...(proxy.has.get(typeUrl)?.keys() ?? [])].sort(), typeUrl).to.deep.equal(expected);
          }
          expect(proxy.has.get(RDS)?.get('r')).to.equal(wanted.targets.join());
          expect(proxy.has.get(LDS)?.get('l')).to.equal(`${wanted.listener}/${wanted.service}`);
          expect(new Set(proxy.has.get(SDS)?.values())).to.deep.equal(new Set([String(wanted.secrets)]));
          expect(Object.fromEntries(proxy.has.get(CDS) ?? [])).to.deep.equal(
            Object.fromEntries(Object.entries(wanted.clusters).map(([name, content]) => [name, String(content)])),
          );
        }),
        { numRuns: 300 },
      );
    });
  });
}
