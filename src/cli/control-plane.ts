/** The control plane as one piece: a source on one side, an xDS server on the other, and the state between them. */
import { type Capabilities, type CompileOptions, capabilitiesOf, NEWEST_ENVOY } from '../envoy/index.ts';
import { GatewayError } from '../lib/errors.ts';
import { type Finding, formatFinding, sortFindings } from '../lib/findings.ts';
import type { TranslateOptions } from '../policy/index.ts';
import type { ReadResult, Source } from '../sources/index.ts';
import type { Logger, Metrics } from '../telemetry/index.ts';
import { createXdsServer, type NackEvent, type NodeInfo, type NodeStatus } from '../xds/index.ts';
import {
  type CompiledView,
  compileView,
  countServed,
  massRemoval,
  type TranslatedRevision,
  translateRevision,
} from './revisions.ts';

/** A request that began under older routes may still want to fail over to what they named. */
const LINGER_MS = 30_000;

export interface ControlPlaneOptions {
  readonly source: Source;
  readonly logger: Logger;
  readonly policy: TranslateOptions;
  readonly compile: CompileOptions;
  readonly allowMassRemoval: boolean;
  readonly metrics: Metrics;
  /** Called after each revision that is served. */
  readonly onServed?: (served: TranslatedRevision) => void;
}

/** What the admin API and `status` show. */
export interface ControlPlaneStatus {
  /** Revision that proxies get; absent before the first one. */
  readonly served?: { readonly hash: string; readonly commit?: string; readonly since: string };
  /** Set while the newest revision is refused or held: since when. */
  readonly staleSince?: string;
  readonly gateways: readonly string[];
  readonly findings: readonly Finding[];
  readonly nodes: readonly NodeStatus[];
}

export interface ControlPlane {
  /** Reads the source, serves what it can and listens. Errors: GatewayError `port_in_use`. */
  start(address: { host: string; port: number }): Promise<{ host: string; port: number }>;
  readonly served: TranslatedRevision | undefined;
  status(): ControlPlaneStatus;
  /** The view of a gateway, compiled for the newest Envoy where no proxy asked for another. */
  view(gateway: string): CompiledView | undefined;
  /** The view that a connected node has. */
  viewOfNode(nodeId: string): CompiledView | undefined;
  /** Ends the streams, spread over the time given, and stops. */
  close(drainMs: number): Promise<void>;
}

export function createControlPlane(options: ControlPlaneOptions): ControlPlane {
  const { source, logger, metrics } = options;
  const views = new Map<string, CompiledView>();
  const nacks = new Map<string, Finding>();
  let served: TranslatedRevision | undefined;
  let servedSince: string | undefined;
  let staleSince: string | undefined;
  let pending: readonly Finding[] = [];

  const xds = createXdsServer({
    resolve: (node) => resolveNode(node),
    logger: logger.child({ component: 'xds' }),
    lingerMs: LINGER_MS,
    onNack: (event) => noteRejection(event),
  });

  function resolveNode(node: NodeInfo): string | undefined {
    const gateway = served?.ir.gateways.find((candidate) => candidate.key === node.cluster);
    if (gateway === undefined) return undefined;
    return viewFor(gateway.key, capabilitiesOfNode(node))?.key;
  }

  function viewFor(gatewayKey: string, capabilities: Capabilities): { key: string; view: CompiledView } | undefined {
    const gateway = served?.ir.gateways.find((candidate) => candidate.key === gatewayKey);
    if (served === undefined || gateway === undefined) return undefined;
    const key = viewKey(gatewayKey, capabilities);
    let view = views.get(key);
    if (view === undefined) {
      view = compileView(served, gateway, capabilities, options.compile);
      views.set(key, view);
      xds.setSnapshot(key, view.snapshot);
      metrics.countSnapshot(gatewayKey);
      report(view.findings);
    }
    return { key, view };
  }

  /** Takes a revision over. Nothing is kept of it when any step of it throws. */
  function serve(next: TranslatedRevision): void {
    const started = performance.now();
    const compiled = new Map<string, CompiledView>();
    for (const [key, view] of views) {
      const gateway = next.ir.gateways.find((candidate) => candidate.key === view.gateway);
      if (gateway) compiled.set(key, compileView(next, gateway, view.capabilities, options.compile, view.snapshot));
    }
    for (const key of views.keys()) if (!compiled.has(key)) xds.deleteSnapshot(key);
    views.clear();
    served = next;
    servedSince = new Date().toISOString();
    for (const [key, view] of compiled) {
      views.set(key, view);
      xds.setSnapshot(key, view.snapshot);
      metrics.countSnapshot(view.gateway);
    }
    metrics.countRevision('served');
    xds.reresolve();
    logger.info(
      {
        revision: next.revision.hash,
        ...(next.revision.commit !== undefined && { commit: next.revision.commit }),
        gateways: next.ir.gateways.length,
        ...countServed(next.ir),
        findings: next.findings.length,
        ms: Math.round(performance.now() - started),
      },
      'serving revision',
    );
    options.onServed?.(next);
  }

  function accept(result: ReadResult): void {
    if (!result.ok) {
      keep(result.findings, 'the revision is refused');
      return;
    }
    try {
      const next = translateRevision(result.set, options.policy);
      const held =
        served && !options.allowMassRemoval ? massRemoval(countServed(served.ir), countServed(next.ir)) : undefined;
      if (held) {
        keep([...next.findings, held], 'the revision is held');
        return;
      }
      serve(next);
      staleSince = undefined;
      pending = [];
      report([...next.findings, ...[...views.values()].flatMap((view) => view.findings)]);
    } catch (caught) {
      const error = GatewayError.from(caught, 'unavailable', 'the revision cannot be compiled');
      logger.error(
        { error: error.message, stack: caught instanceof Error ? caught.stack : undefined },
        'this is a bug',
      );
      keep([], 'the revision cannot be compiled');
    }
  }

  function keep(findings: readonly Finding[], why: string): void {
    staleSince ??= new Date().toISOString();
    pending = findings;
    metrics.countRevision('refused');
    report(findings);
    logger.warn({ serving: served?.revision.hash ?? 'nothing' }, `${why}; the last good one keeps serving`);
  }

  function report(findings: readonly Finding[]): void {
    for (const finding of findings) {
      const level = finding.level === 'warning' ? 'warn' : finding.level;
      logger[level]({ component: 'config' }, formatFinding(finding));
    }
  }

  function noteRejection(event: NackEvent): void {
    const view = views.get(event.key);
    metrics.countNack(view?.gateway ?? event.key, event.typeUrl.replace(/^.*\./, ''));
    const { resources, message } = event.rejection;
    for (const name of resources.length > 0 ? resources : ['']) {
      const origin = view?.resources.find((resource) => resource.name === name)?.origin;
      const finding: Finding = {
        code: 'HG0702',
        level: 'error',
        message: `proxy ${event.node.id} rejected ${name === '' ? event.typeUrl : name}: ${message}`,
        ...(origin && { object: origin.object }),
        scope: `node ${event.node.id}`,
      };
      nacks.set(`${event.node.id} ${event.typeUrl} ${name}`, finding);
      report([finding]);
    }
  }

  const unsubscribe = source.onChange(accept);
  return {
    async start(address) {
      accept(await source.start());
      return xds.listen(address);
    },
    get served() {
      return served;
    },
    status() {
      const nodes = xds.nodes();
      const standing = nodes.some((node) => node.types.some((type) => type.rejection?.standing));
      if (!standing) nacks.clear();
      return {
        ...(served &&
          servedSince !== undefined && {
            served: {
              hash: served.revision.hash,
              ...(served.revision.commit !== undefined && { commit: served.revision.commit }),
              since: servedSince,
            },
          }),
        ...(staleSince !== undefined && { staleSince }),
        gateways: served?.ir.gateways.map((gateway) => gateway.key) ?? [],
        findings: sortFindings([
          ...(served?.findings ?? []),
          ...[...views.values()].flatMap((view) => view.findings),
          ...pending,
          ...nacks.values(),
        ]),
        // A proxy names about a thousand extensions; none of them says how it is.
        nodes: nodes.map((status) => ({ ...status, node: { ...status.node, extensions: [] } })),
      };
    },
    view(gateway) {
      return (
        [...views.values()].find((view) => view.gateway === gateway) ??
        viewFor(gateway, capabilitiesOf(NEWEST_ENVOY))?.view
      );
    },
    viewOfNode(nodeId) {
      const key = xds.nodes().find((status) => status.node.id === nodeId)?.key;
      return key === undefined ? undefined : views.get(key);
    },
    async close(drainMs) {
      unsubscribe();
      await source.close();
      await xds.drain(drainMs);
    },
  };
}

function viewKey(gateway: string, capabilities: Capabilities): string {
  return `${gateway}@${capabilities.key}`;
}

function capabilitiesOfNode(node: NodeInfo): Capabilities {
  return capabilitiesOf(
    node.userAgentVersion ?? '0.0.0',
    node.extensions.filter((extension) => !extension.disabled).map((extension) => extension.name),
  );
}
