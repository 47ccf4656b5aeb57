/**
 * The control plane: a source on one side, an xDS server on the other. Which revision is served is decided in
 * served-revision.ts, and compiled for each kind of proxy in compiled-views.ts; this is the one place that knows all
 * parts, and tells each of them what it has to hear of the others.
 */

import { createTokens, type TokenStatus } from '../credentials/index.ts';
import { type Capabilities, type CompileOptions, capabilitiesOf, NEWEST_ENVOY } from '../envoy/index.ts';
import { type LimitsConfig, limitsOf } from '../ir/index.ts';
import { GatewayError } from '../lib/errors.ts';
import { type Finding, sortFindings } from '../lib/findings.ts';
import type { TranslateOptions } from '../policy/index.ts';
import type { ReadResult, Source } from '../sources/index.ts';
import type { Logger, Metrics } from '../telemetry/index.ts';
import {
  createXdsServer,
  type NackEvent,
  type NodeConfig,
  type NodeStatus,
  type RolloutOptions,
  type RolloutStatus,
  type Withheld,
  type XdsServerOptions,
} from '../xds/index.ts';
import { capabilitiesOfNode, createViews, type FoundView } from './compiled-views.ts';
import { createConvergence } from './convergence.ts';
import { withPlaces } from './finding-places.ts';
import { createFindingReporter } from './finding-reporter.ts';
import { createLimitsAhead } from './limits-ahead.ts';
import { createLimitsFeed } from './limits-feed.ts';
import { createLimitsSnapshots, rateLimitGaps } from './limits-snapshots.ts';
import { createMeters } from './meters.ts';
import { standingRejections, withheldFindings } from './rejections.ts';
import type { CompiledView, TranslatedRevision } from './revisions.ts';
import { runtimeGaps } from './runtime-gaps.ts';
import { savedState } from './saved-views.ts';
import { createServedRevision, type Prepared, type RevisionStatus } from './served-revision.ts';
import { type SnapshotSize, snapshotSizes } from './snapshot-sizes.ts';
import type { StateStore } from './state-store.ts';
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
export interface ControlPlaneStatus extends RevisionStatus {
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
  /** A port for proxies that poll over HTTP. Errors: as of `start`. */
  listenRest(address: { host: string; port: number }): Promise<{ host: string; port: number }>;
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
  const reporter = createFindingReporter(logger);
  const revision = createServedRevision({
    logger,
    metrics,
    policy: options.policy,
    allowMassRemoval: options.allowMassRemoval,
    strict: options.strict ?? false,
    prepare: prepareToServe,
    onBug: logBug,
  });
  const views = createViews({
    compile: options.compile,
    served: () => revision.current,
    tokens: () => tokens.values,
    publish(key, { gateway, snapshot }, previous) {
      limitsAhead.publish(key, snapshot);
      meters.countSnapshot(gateway, snapshot, previous);
    },
    remove(key) {
      limitsAhead.delete(key);
      xds.deleteSnapshot(key);
    },
  });
  const tokens = createTokens({
    env: options.env ?? process.env,
    logger: logger.child({ component: 'credentials' }),
    onFetch: (result) => metrics.countTokenFetch(result),
    // Mostly a secret is all that changes.
    onChange: () => renewViews('new tokens cannot be compiled'),
  });
  const meters = createMeters(metrics, (key) => views.all.get(key)?.gateway);
  const xds = createXdsServer({
    resolve: (node) =>
      node.service === 'ratelimit' ? limitsOverXds.keyOf(node) : viewOf(node.cluster, capabilitiesOfNode(node))?.key,
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
    onRefusal: meters.onRefusal,
    onAnswer: meters.onAnswer,
    onStreamEnd: meters.onStreamEnd,
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

  function viewOf(gateway: string, capabilities: Capabilities): FoundView | undefined {
    try {
      const found = views.find(gateway, capabilities);
      if (found?.isNew) report();
      return found;
    } catch (caught) {
      // Its proxies are held, as if the gateway were not there: they keep what they have.
      logBug(caught, `Gateway ${gateway} cannot be compiled for Envoy ${capabilities.version}`);
      return undefined;
    }
  }

  function gatewayKeys(): string[] {
    const { current, restored } = revision;
    return current?.ir.gateways.map(({ key }) => key) ?? [...new Set(restored?.views.map(({ gateway }) => gateway))];
  }

  /** A part of a source, or what comes from the disk itself, is not worth to be kept. */
  function save(): void {
    options.state?.save(() => {
      const { current } = revision;
      if (current === undefined || revision.status().inPart) return undefined;
      return savedState(current, views.all, xds.saved(), limits.limits);
    });
  }

  async function restore(): Promise<void> {
    const saved = await options.state?.load();
    revision.restore(saved);
    if (saved?.limits) limits.use(saved.limits);
    for (const view of saved?.views ?? []) {
      views.restore(view);
      xds.restore(view);
    }
  }

  function useProcessor(isServing: boolean): void {
    if (!views.useProcessor(isServing)) return;
    if (isServing) logger.info({ component: 'processor' }, 'the processor answers: what needs it is served again');
    else logger.warn({ component: 'processor' }, 'the processor does not answer: what needs it is left out');
    renewViews('without a processor nothing can be compiled');
  }

  function renewViews(failure: string): void {
    try {
      views.renew();
      save();
    } catch (caught) {
      logBug(caught, failure);
    }
    report();
  }

  function prepareToServe(next: TranslatedRevision): Prepared {
    const takeBack = (): void => tokens.use(revision.current?.tokenSources ?? new Map());
    tokens.use(next.tokenSources);
    try {
      const prepared = views.prepare(next);
      if (!prepared.ok) {
        takeBack();
        return prepared;
      }
      limits.use(limitsOf(next.ir));
      return {
        ok: true,
        putInPlace() {
          prepared.putInPlace();
          save();
          xds.reresolve();
          options.onServed?.(next);
        },
      };
    } catch (caught) {
      takeBack();
      throw caught;
    }
  }

  function accept(result: ReadResult): void {
    revision.accept(result);
    report();
  }

  /** Of what is served, of what is refused or held, and of what proxies rejected. */
  function findingsNow(): Finding[] {
    const { current, findings: pending } = revision;
    const nodes = xds.nodes();
    const all = [...(current?.findings ?? []), ...viewFindings(views.all, nodes), ...pending];
    const viewOfKey = (key: string): CompiledView | undefined => views.all.get(key);
    const rejected = [...standingRejections(nodes, viewOfKey), ...withheldFindings(xds.withheld(), viewOfKey)];
    const gaps = [...rateLimitGaps(nodes, current?.ir.gateways ?? []), ...runtimeGaps(nodes, views.all)];
    return sortFindings(withPlaces([...all, ...gaps, ...tokens.findings(), ...rejected], current?.objects ?? []));
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
    listenRest: xds.listenRest,
    reauthorize: xds.reauthorize,
    retry: xds.retry,
    useProcessor,
    get served() {
      return revision.current;
    },
    status() {
      return {
        ...revision.status(),
        gateways: gatewayKeys(),
        findings: findingsNow(),
        tokens: tokens.status(),
        withheld: xds.withheld(),
        rollouts: xds.rollouts(),
        // A proxy names about a thousand extensions; none of them says how it is.
        nodes: xds.nodes().map((status) => ({ ...status, node: { ...status.node, extensions: [] } })),
      };
    },
    sizes: () => snapshotSizes(views.all.values()),
    view(gateway) {
      return viewOf(gateway, capabilitiesOf(NEWEST_ENVOY))?.view;
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
