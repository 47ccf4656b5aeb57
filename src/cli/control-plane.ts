/** The control plane as one piece: a source on one side, an xDS server on the other, and the state between them. */

import { createTokens, type TokenStatus } from '../credentials/index.ts';
import { type Capabilities, type CompileOptions, capabilitiesOf, NEWEST_ENVOY } from '../envoy/index.ts';
import { type LimitsConfig, limitsOf } from '../ir/index.ts';
import { GatewayError } from '../lib/errors.ts';
import { type Finding, hasErrors, sortFindings } from '../lib/findings.ts';
import type { TranslateOptions } from '../policy/index.ts';
import type { ReadResult, Source } from '../sources/index.ts';
import type { LogFields, Logger, Metrics } from '../telemetry/index.ts';
import {
  createXdsServer,
  type NackEvent,
  type NodeConfig,
  type NodeInfo,
  type NodeStatus,
  type RolloutOptions,
  type RolloutStatus,
  type Snapshot,
  type Withheld,
  type XdsServerOptions,
} from '../xds/index.ts';
import { createConvergence } from './convergence.ts';
import { withPlaces } from './finding-places.ts';
import { createFindingReporter } from './finding-reporter.ts';
import { createLimitsAhead } from './limits-ahead.ts';
import { createLimitsFeed } from './limits-feed.ts';
import { createLimitsSnapshots, rateLimitGaps } from './limits-snapshots.ts';
import { createMeters } from './meters.ts';
import { standingRejections, withheldFindings } from './rejections.ts';
import {
  type CompiledView,
  compileView,
  contradictions,
  countServed,
  massRemoval,
  type ServedSize,
  type TranslatedRevision,
  translateRevision,
} from './revisions.ts';
import { runtimeGaps } from './runtime-gaps.ts';
import { restoredView, savedState } from './saved-views.ts';
import { type SnapshotSize, snapshotSizes } from './snapshot-sizes.ts';
import type { SavedState, StateStore } from './state-store.ts';
import { viewFindings } from './view-findings.ts';

/** How long the first tokens are waited for before proxies may connect: without them their backends are left out. */
const FIRST_TOKENS_MS = 5000;

/** A request that began under older routes may still want to fail over to what they named. */
const LINGER_MS = 30_000;

export interface ControlPlaneOptions {
  readonly source: Source;
  readonly logger: Logger;
  readonly policy: TranslateOptions;
  readonly compile: CompileOptions;
  readonly allowMassRemoval: boolean;
  /** Every error of a revision refuses it. */
  readonly strict?: boolean;
  readonly metrics: Metrics;
  /** Who may connect; absent: plaintext, and anyone. */
  readonly security?: Pick<XdsServerOptions, 'tls' | 'authorize'>;
  /** Present: changes go to a share of the proxies first. */
  readonly rollout?: RolloutOptions;
  /** Of the process: where tokens of clouds come from. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** Where what is served outlives the process. */
  readonly state?: StateStore;
  /** Gets the limits that Envoys may use, before they get them. Errors: the revision is refused. */
  readonly onLimits?: (limits: LimitsConfig) => void;
  /** Called after each revision that is served. */
  readonly onServed?: (served: TranslatedRevision) => void;
}

/** What the admin API and `status` show. */
export interface ControlPlaneStatus {
  /** Revision that proxies get; absent before the first one. */
  readonly served?: { readonly hash: string; readonly commit?: string; readonly since: string };
  /** What is served instead, as an earlier process saved it, while the source cannot be used since the start. */
  readonly saved?: { readonly hash: string; readonly commit?: string; readonly savedAt: string };
  /** Set while the newest revision is refused or held: since when. */
  readonly staleSince?: string;
  /** A start with a source that is refused: what could be read of it serves until all of it can be. */
  readonly inPart: boolean;
  readonly gateways: readonly string[];
  readonly findings: readonly Finding[];
  /** Of clouds, as BackendSecurityPolicies need them. */
  readonly tokens: readonly TokenStatus[];
  /** What proxies do not get, because proxies rejected it. */
  readonly withheld: readonly Withheld[];
  /** Changes that only some proxies have so far. */
  readonly rollouts: readonly RolloutStatus[];
  readonly nodes: readonly NodeStatus[];
}

export interface ControlPlane {
  /** Reads the source, serves what it can and listens. Errors: GatewayError `port_in_use`. */
  start(address: { host: string; port: number }): Promise<{ host: string; port: number }>;
  /** A second port on loopback without TLS, for proxies that were started here. */
  listenHere(): Promise<{ host: string; port: number }>;
  /** Whether the processor answers: what needs it is left out while it does not. */
  useProcessor(isServing: boolean): void;
  /** What proxies rejected is offered to them once more. */
  retry(): void;
  /** Ends the streams of proxies that may not have them any more. */
  reauthorize(): void;
  readonly served: TranslatedRevision | undefined;
  status(): ControlPlaneStatus;
  /** What proxies get, by Gateway and type. */
  sizes(): readonly SnapshotSize[];
  /** The view of a gateway for the newest Envoy, made now if no proxy has asked for it yet. */
  view(gateway: string): CompiledView | undefined;
  /** What a connected node has; of several with that id the one of that gateway. */
  nodeConfig(nodeId: string, gateway?: string): NodeConfig | undefined;
  /** Ends the streams, spread over the time given, and stops. */
  close(drainMs: number): Promise<void>;
}

export function createControlPlane(options: ControlPlaneOptions): ControlPlane {
  const { source, logger, metrics } = options;
  const views = new Map<string, CompiledView>();
  const reporter = createFindingReporter(logger);
  let served: TranslatedRevision | undefined;
  // Set until a revision is served; its views are among `views`.
  let restored: SavedState | undefined;
  let servedSince: string | undefined;
  let staleSince: string | undefined;
  let inPart = false;
  let pending: readonly Finding[] = [];
  let compile = options.compile;

  const tokens = createTokens({
    env: options.env ?? process.env,
    logger: logger.child({ component: 'credentials' }),
    onFetch: (result) => metrics.countTokenFetch(result),
    onChange: takeTokens,
  });
  const meters = createMeters(metrics, (key) => views.get(key)?.gateway);
  const xds = createXdsServer({
    resolve: (node) =>
      node.service === 'ratelimit'
        ? limitsOverXds.keyOf(node)
        : compiledFor(node.cluster, capabilitiesOfNode(node))?.key,
    logger: logger.child({ component: 'xds' }),
    lingerMs: LINGER_MS,
    lastAccepted: true,
    onWithheld: () => {
      report();
      save();
    },
    onPublish: () => save(),
    ...options.security,
    ...(options.rollout && { rollout: options.rollout }),
    ...meters,
    onNack: (event) => noteRejection(event),
    onAck: ({ key }) => {
      convergence.noteAck(key);
      // Once the stream has taken note.
      queueMicrotask(limitsAhead.look);
    },
  });
  const convergence = createConvergence(() => xds.nodes(), meters.observeConvergence);

  const limitsAhead = createLimitsAhead({
    areTaken: () => xds.nodes().every((status) => status.node.service !== 'ratelimit' || hasAnswered(status)),
    publish(key, snapshot) {
      convergence.begin(key, snapshot.version);
      xds.setSnapshot(key, snapshot);
    },
    onLate: () => logger.warn({}, 'a rate limit service has not taken the newest limits; proxies get them without it'),
  });
  const limitsOverXds = createLimitsSnapshots({
    publish: (key, snapshot) => xds.setSnapshot(key, snapshot),
    isServed: (gateway) => gatewayKeys().includes(gateway),
  });
  const limits = createLimitsFeed({
    apply(all) {
      options.onLimits?.(all);
      if (limitsOverXds.take(all)) limitsAhead.begin();
    },
    isSettled: () =>
      !limitsAhead.isHolding &&
      xds.nodes().every(({ synced }) => synced) &&
      xds.withheld().length === 0 &&
      xds.rollouts().length === 0,
  });

  function compiledFor(gateway: string, capabilities: Capabilities): { key: string; view: CompiledView } | undefined {
    try {
      return viewFor(gateway, capabilities);
    } catch (caught) {
      // Its proxies are held, as if the gateway were not there: they keep what they have.
      logBug(caught, `Gateway ${gateway} cannot be compiled for Envoy ${capabilities.version}`);
      return undefined;
    }
  }

  function viewFor(gatewayKey: string, capabilities: Capabilities): { key: string; view: CompiledView } | undefined {
    const key = `${gatewayKey}@${capabilities.key}`;
    const known = views.get(key);
    if (known !== undefined) return { key, view: known };
    const gateway = served?.ir.gateways.find((candidate) => candidate.key === gatewayKey);
    if (served === undefined || gateway === undefined) return undefined;
    const view = compileView(withTokens(served), gateway, capabilities, compile);
    views.set(key, view);
    publish(key, view, undefined);
    report();
    return { key, view };
  }

  function gatewayKeys(): string[] {
    return served?.ir.gateways.map(({ key }) => key) ?? [...new Set(restored?.views.map(({ gateway }) => gateway))];
  }

  /** A part of a source, or what comes from the disk itself, is not worth to be kept. */
  function save(): void {
    options.state?.save(() => (served && !inPart ? savedState(served, views, xds.saved(), limits.limits) : undefined));
  }

  async function restore(): Promise<void> {
    restored = await options.state?.load();
    if (restored?.limits) limits.use(restored.limits);
    for (const view of restored?.views ?? []) {
      views.set(view.key, restoredView(view));
      xds.restore(view);
    }
  }

  function publish(key: string, { gateway, snapshot }: CompiledView, previous: Snapshot | undefined): void {
    limitsAhead.publish(key, snapshot);
    meters.countSnapshot(gateway, snapshot, previous);
  }

  function withTokens(revision: TranslatedRevision): TranslatedRevision {
    if (revision.tokenSources.size === 0) return revision;
    return { ...revision, secrets: new Map([...revision.secrets, ...tokens.values]) };
  }

  function compileViews(revision: TranslatedRevision): Map<string, CompiledView> {
    const complete = withTokens(revision);
    const compiled = new Map<string, CompiledView>();
    for (const [key, view] of views) {
      const gateway = revision.ir.gateways.find((candidate) => candidate.key === view.gateway);
      if (gateway) compiled.set(key, compileView(complete, gateway, view.capabilities, compile, view.snapshot));
    }
    return compiled;
  }

  function useProcessor(isServing: boolean): void {
    if (!compile.processor || isServing !== (compile.processor.isDown ?? false)) return;
    compile = { ...compile, processor: { ...compile.processor, isDown: !isServing } };
    if (isServing) logger.info({ component: 'processor' }, 'the processor answers: what needs it is served again');
    else logger.warn({ component: 'processor' }, 'the processor does not answer: what needs it is left out');
    recompile('without a processor nothing can be compiled');
  }

  /** What is served, with tokens that have come or gone: mostly a secret is all that changes. */
  function takeTokens(): void {
    recompile('new tokens cannot be compiled');
  }

  function recompile(failure: string): void {
    try {
      for (const [key, view] of served ? compileViews(served) : []) {
        const previous = views.get(key)?.snapshot;
        views.set(key, view);
        publish(key, view, previous);
      }
      save();
    } catch (caught) {
      logBug(caught, failure);
    }
    report();
  }

  /**
   * Takes a revision over, unless proxies would get what does not fit together in the place of what does. Nothing is kept
   * of it when any step of it throws. Shape: why it is not served; empty when it is.
   */
  function serve(next: TranslatedRevision): Finding[] {
    const started = performance.now();
    tokens.use(next.tokenSources);
    let compiled: Map<string, CompiledView>;
    try {
      compiled = compileViews(next);
      const broken = contradictions(compiled, views);
      if (broken.length > 0) {
        tokens.use(served?.tokenSources ?? new Map());
        return broken;
      }
      limits.use(limitsOf(next.ir));
    } catch (caught) {
      tokens.use(served?.tokenSources ?? new Map());
      throw caught;
    }
    for (const key of views.keys()) {
      if (compiled.has(key)) continue;
      limitsAhead.delete(key);
      xds.deleteSnapshot(key);
    }
    const previous = new Map(views);
    views.clear();
    served = next;
    restored = undefined;
    servedSince = new Date().toISOString();
    for (const [key, view] of compiled) {
      views.set(key, view);
      publish(key, view, previous.get(key)?.snapshot);
    }
    metrics.countRevision('served');
    save();
    xds.reresolve();
    logger.info({ ...describe(next), ms: Math.round(performance.now() - started) }, 'serving revision');
    if (next.ir.gateways.length === 0) logger.warn({}, 'the source has no Gateway to serve: all proxies wait for one');
    options.onServed?.(next);
    return [];
  }

  function accept(result: ReadResult): void {
    try {
      if (result.ok) judge(translateRevision(result.set, options.policy));
      else refuse(result);
    } catch (caught) {
      logBug(caught, 'the revision cannot be compiled');
      keep([], 'refused', 'the revision cannot be compiled');
    }
    report();
  }

  function judge(next: TranslatedRevision): void {
    if (options.strict === true && hasErrors(next.findings)) {
      keep(next.findings, 'refused', 'the revision is refused');
      return;
    }
    const size = served ? { hash: served.revision.hash, counts: countServed(served.ir) } : restored && sizeOf(restored);
    const held = size && !inPart && !options.allowMassRemoval ? massRemoval(size, next) : undefined;
    if (held) {
      keep([...next.findings, held], 'held', 'the revision is held');
      return;
    }
    const broken = serve(next);
    if (broken.length > 0) {
      keep([...next.findings, ...broken], 'refused', 'the revision is refused: it does not fit together');
      return;
    }
    inPart = false;
    staleSince = undefined;
    pending = [];
  }

  /** Without anything better to serve, what could be read has to do. */
  function refuse({ findings, readable }: Extract<ReadResult, { ok: false }>): void {
    const nothingBetter = (served === undefined && restored === undefined) || inPart;
    const rest = nothingBetter && readable ? translateRevision(readable, options.policy) : undefined;
    if (rest && rest.ir.gateways.length > 0 && serve(rest).length === 0) inPart = true;
    keep(
      findings,
      'refused',
      inPart ? 'the revision is refused; what can be read of it serves' : 'the revision is refused',
    );
  }

  function keep(findings: readonly Finding[], what: 'refused' | 'held', message: string): void {
    staleSince ??= new Date().toISOString();
    pending = findings;
    metrics.countRevision(what);
    const serving = (served ?? restored)?.revision.hash ?? 'nothing';
    if (restored) logger.warn({ serving, savedAt: restored.savedAt }, `${message}; what was saved serves`);
    else logger.warn({ serving }, inPart || !served ? message : `${message}; the last good one keeps serving`);
  }

  /** Of what is served, of what is refused or held, and of what proxies rejected. */
  function findingsNow(): Finding[] {
    const all = [...(served?.findings ?? []), ...viewFindings(views, xds.nodes()), ...pending];
    const viewOf = (key: string): CompiledView | undefined => views.get(key);
    const rejected = [...standingRejections(xds.nodes(), viewOf), ...withheldFindings(xds.withheld(), viewOf)];
    const gaps = rateLimitGaps(xds.nodes(), served?.ir.gateways ?? []);
    const atRisk = runtimeGaps(xds.nodes(), views);
    return sortFindings(
      withPlaces([...all, ...gaps, ...atRisk, ...tokens.findings(), ...rejected], served?.objects ?? []),
    );
  }

  function report(): void {
    reporter.report(findingsNow());
  }

  function logBug(caught: unknown, what: string): void {
    const { message } = GatewayError.from(caught, 'unavailable');
    const stack = caught instanceof Error ? caught.stack : undefined;
    logger.error({ error: message, stack }, `this is a bug: ${what}`);
  }

  function noteRejection(event: NackEvent): void {
    meters.countRejection(event);
    // Once the stream has taken note: the rejection stands among the findings then.
    queueMicrotask(report);
  }

  const unsubscribe = source.onChange(accept);
  return {
    async start(address) {
      await restore();
      accept(await source.start());
      await tokens.settled(FIRST_TOKENS_MS);
      return xds.listen(address);
    },
    listenHere: () => xds.listen({ host: '127.0.0.1', port: 0 }, { plaintext: true }),
    reauthorize: xds.reauthorize,
    retry: xds.retry,
    useProcessor,
    get served() {
      return served;
    },
    status() {
      return {
        ...(served &&
          servedSince !== undefined && {
            served: {
              hash: served.revision.hash,
              ...(served.revision.commit !== undefined && { commit: served.revision.commit }),
              since: servedSince,
            },
          }),
        ...(restored && { saved: { ...restored.revision, savedAt: restored.savedAt } }),
        ...(staleSince !== undefined && { staleSince }),
        inPart,
        gateways: gatewayKeys(),
        findings: findingsNow(),
        tokens: tokens.status(),
        withheld: xds.withheld(),
        rollouts: xds.rollouts(),
        // A proxy names about a thousand extensions; none of them says how it is.
        nodes: xds.nodes().map((status) => ({ ...status, node: { ...status.node, extensions: [] } })),
      };
    },
    sizes: () => snapshotSizes(views.values()),
    view(gateway) {
      return compiledFor(gateway, capabilitiesOf(NEWEST_ENVOY))?.view;
    },
    nodeConfig: xds.configOf,
    async close(drainMs) {
      unsubscribe();
      limits.close();
      limitsAhead.close();
      tokens.close();
      convergence.close();
      await source.close();
      await options.state?.close();
      await xds.drain(drainMs);
    },
  };
}

/** A rejection is an answer: who rejects what it is given keeps what it has, however long proxies wait. */
function hasAnswered({ synced, waiting, types }: NodeStatus): boolean {
  return synced || waiting || types.every((type) => type.synced || type.rejection?.standing === true);
}

function sizeOf({ revision, counts }: SavedState): ServedSize {
  return { hash: revision.hash, counts };
}

function describe({ revision, ir, findings }: TranslatedRevision): LogFields {
  const { hash, commit } = revision;
  const counts = { gateways: ir.gateways.length, ...countServed(ir), findings: findings.length };
  return { revision: hash, ...(commit !== undefined && { commit }), ...counts };
}

function capabilitiesOfNode(node: NodeInfo): Capabilities {
  return capabilitiesOf(
    node.userAgentVersion ?? '0.0.0',
    node.extensions.filter((extension) => !extension.disabled).map((extension) => extension.name),
  );
}
