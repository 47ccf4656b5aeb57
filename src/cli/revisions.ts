/**
 * Revisions: from what a source holds to what proxies get, as values. `translateRevision` runs once a revision,
 * `compileView` once for each gateway and each set of capabilities that its proxies have.
 */

import { checkConsistency } from '../envoy/consistency.ts';
import { type Capabilities, type CompileOptions, compileGateway, type EnvoyResource } from '../envoy/index.ts';
import { TYPES } from '../envoy/names.ts';
import { encodeMessage, typeUrl } from '../envoy/schema/index.ts';
import type { GatewayIr, Ir, SecretValue, SecretValues, TokenSources } from '../ir/index.ts';
import { type Finding, sortFindings } from '../lib/findings.ts';
import { type StatusCondition, type TranslateOptions, translate } from '../policy/index.ts';
import type { LoadedObject, ObjectSet, Revision } from '../resources/index.ts';
import { createSnapshot, type Snapshot } from '../xds/index.ts';

/** A revision that policy has read. */
export interface TranslatedRevision {
  readonly revision: Revision;
  /** What it was read from: where findings of later stages get their places. */
  readonly objects: readonly LoadedObject[];
  readonly ir: Ir;
  readonly secrets: SecretValues;
  /** How those are had that have to be fetched. */
  readonly tokenSources: TokenSources;
  readonly conditions: readonly StatusCondition[];
  /** Of the source and of policy. */
  readonly findings: readonly Finding[];
}

/** What the Envoys of one gateway that can do the same get. */
export interface CompiledView {
  readonly gateway: string;
  readonly capabilities: Capabilities;
  readonly resources: readonly EnvoyResource[];
  readonly snapshot: Snapshot;
  readonly findings: readonly Finding[];
}

export function translateRevision(set: ObjectSet, options: TranslateOptions): TranslatedRevision {
  const { ir, secrets, tokenSources, findings, conditions } = translate(set, options);
  const { revision, objects } = set;
  const all = sortFindings([...set.findings, ...findings]);
  return { revision, objects, ir, secrets, tokenSources, conditions, findings: all };
}

const PLACEHOLDER = 'placeholder-of-a-token';

/** The secrets of a revision as if all tokens had been fetched, for who compiles it without asking anybody. */
export function withPlaceholders({ secrets, tokenSources }: TranslatedRevision): SecretValues {
  const keys = { accessKeyId: PLACEHOLDER, secretAccessKey: PLACEHOLDER, sessionToken: PLACEHOLDER };
  const tokens = [...tokenSources].map(([name, { kind }]): [string, SecretValue] => [
    name,
    kind.startsWith('aws') ? { kind: 'aws', ...keys } : { kind: 'generic', value: PLACEHOLDER },
  ]);
  return new Map([...secrets, ...tokens]);
}

export function compileView(
  translated: TranslatedRevision,
  gateway: GatewayIr,
  capabilities: Capabilities,
  options: CompileOptions,
  previous?: Snapshot,
): CompiledView {
  const { resources, findings } = compileGateway(gateway, translated.secrets, capabilities, options);
  const snapshot = createSnapshot(
    resources.map((resource) => ({
      typeUrl: typeUrl(TYPES[resource.type]),
      name: resource.name,
      value: encodeMessage(TYPES[resource.type], resource.message),
      requires: resource.requires.map(({ type, name }) => ({ typeUrl: typeUrl(TYPES[type]), name })),
    })),
    previous,
  );
  return {
    gateway: gateway.key,
    capabilities,
    resources,
    snapshot,
    findings: [...findings, ...checkConsistency(resources)],
  };
}

/** What does not fit together in views that are to follow others in which it did. Shape: findings HG0701, each once. */
export function contradictions(
  next: ReadonlyMap<string, CompiledView>,
  before: ReadonlyMap<string, CompiledView>,
): Finding[] {
  const inView = (view: CompiledView | undefined): Finding[] =>
    (view?.findings ?? []).filter(({ code }) => code === 'HG0701');
  const found = [...next].flatMap(([key, view]) => (inView(before.get(key)).length > 0 ? [] : inView(view)));
  return [...new Map(found.map((finding) => [finding.message, finding])).values()];
}

/** Size of what is served, for the guard against mass removal. */
export interface ServedCounts {
  readonly routes: number;
  readonly clusters: number;
}

/** What is served: its revision and its size. */
export interface ServedSize {
  readonly hash: string;
  readonly counts: ServedCounts;
}

export function countServed(ir: Ir): ServedCounts {
  let routes = 0;
  let clusters = 0;
  for (const gateway of ir.gateways) {
    clusters += gateway.backends.length;
    for (const listener of gateway.listeners) {
      for (const chain of listener.chains) for (const host of chain.hosts) routes += host.routes.length;
    }
  }
  return { routes, clusters };
}

/** On a Gateway or GatewayClass: the hash of the revision that may lose more than half of its routes or clusters. */
const ALLOWING_ANNOTATION = 'headgate.dev/allow-mass-removal';

/**
 * The finding for a revision that would remove more than half of the routes or clusters that are served. It is held: the
 * next revision is judged in the same way, against what is still served, until one restores what is missing or says by
 * annotation which revision it knowingly empties. That word is good for this one step.
 */
export function massRemoval(served: ServedSize, next: TranslatedRevision): Finding | undefined {
  const { hash, counts: before } = served;
  const after = countServed(next.ir);
  const lost = (['routes', 'clusters'] as const).filter((what) => after[what] * 2 < before[what]);
  if (lost.length === 0 || isAllowed(next.objects, hash)) return undefined;
  const counts = lost.map((what) => `${what} from ${before[what]} to ${after[what]}`).join(' and ');
  return {
    code: 'HG0801',
    level: 'error',
    message: `this revision is held: it would bring ${counts}`,
    hint: `restore what is missing, annotate a Gateway with ${ALLOWING_ANNOTATION}: "${hash}", or start with --allow-mass-removal`,
  };
}

function isAllowed(objects: readonly LoadedObject[], servedHash: string): boolean {
  return objects.some(
    ({ id, object }) =>
      (id.kind === 'Gateway' || id.kind === 'GatewayClass') &&
      object.metadata.annotations?.[ALLOWING_ANNOTATION] === servedHash,
  );
}
