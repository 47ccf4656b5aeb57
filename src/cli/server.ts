/** The control plane with its admin API, as `serve` and `run` start it. */
import { createAdminServer, type ReadinessCheck } from '../admin/index.ts';
import {
  type CompileOptions,
  DEFAULT_COMPILE_OPTIONS,
  type ProcessorTarget,
  type RateLimitAddress,
} from '../envoy/index.ts';
import { API_VERSION } from '../envoy/schema/index.ts';
import type { LimitsConfig } from '../ir/index.ts';
import type { Finding } from '../lib/findings.ts';
import type { TranslateOptions } from '../policy/index.ts';
import type { Source } from '../sources/index.ts';
import { createMetrics, type Logger } from '../telemetry/index.ts';
import type { RolloutOptions } from '../xds/index.ts';
import { type Address, formatAddress } from './addresses.ts';
import { dumpFor } from './config-dumps.ts';
import { type ControlPlane, createControlPlane } from './control-plane.ts';
import type { OwnLimits } from './own-limits.ts';
import type { TranslatedRevision } from './revisions.ts';
import type { ServerSecurity } from './server-security.ts';
import { createStateStore } from './state-store.ts';
import { tokenText } from './token-text.ts';
import { VERSION } from './version.ts';

export interface ServerOptions {
  readonly source: Source;
  readonly logger: Logger;
  readonly xdsAddress: Address;
  readonly adminAddress: Address;
  /** Absent: no REST. */
  readonly restAddress?: Address;
  readonly policy: TranslateOptions;
  readonly sentinelPort: number;
  readonly allowMassRemoval: boolean;
  readonly strict: boolean;
  readonly security: ServerSecurity;
  /** Where what is served is saved for a start without the source. */
  readonly stateDirectory?: string;
  readonly rollout?: RolloutOptions;
  /** Absent: nothing is translated. */
  readonly processor?: ProcessorTarget;
  /** Tells whether it answers, before proxies may connect and from then on. Absent: it always does. */
  readonly watchProcessor?: (onChange: (isServing: boolean) => void) => Promise<{ close(): void }>;
  /** Proxies of this host connect without TLS, whatever others need. */
  readonly withLocalProxies?: boolean;
  /** The rate limit service as Envoys reach it; absent: limits are not enforced, which is a finding. */
  readonly rateLimit?: RateLimitAddress;
  readonly onLimits?: (limits: LimitsConfig) => void;
  /** The rate limit service of this process. */
  readonly buckets?: Pick<OwnLimits, 'budgets' | 'metrics'>;
  /** Of a processor that runs here too: Prometheus text. */
  readonly processorMetrics?: () => Promise<string>;
  readonly onServed?: (served: TranslatedRevision) => void;
}

export interface RunningServer {
  readonly controlPlane: ControlPlane;
  readonly xds: Address;
  /** Where proxies of this host connect. */
  readonly localXds: Address;
  readonly admin: Address;
  close(drainMs: number): Promise<void>;
}

/** Errors: GatewayError `port_in_use` naming the address. */
export async function startServer(options: ServerOptions): Promise<RunningServer> {
  const { logger, security } = options;
  const { tls, authorize, adminToken } = security;
  const version = VERSION;
  const metrics = createMetrics({ version, envoyApi: API_VERSION }, () => {
    const { nodes, staleSince, findings, served, withheld, rollouts, tokens } = controlPlane.status();
    const ofLevel = (level: Finding['level']): number => findings.filter((finding) => finding.level === level).length;
    return {
      ...(served && { revision: served }),
      clients: nodes.length,
      withheld: withheld.length,
      rollouts: rollouts.length,
      waiting: nodes.filter((node) => node.waiting).length,
      staleSeconds: staleSince === undefined ? 0 : (Date.now() - Date.parse(staleSince)) / 1000,
      tokens,
      sizes: controlPlane.sizes(),
      findings: { error: ofLevel('error'), warning: ofLevel('warning'), info: ofLevel('info') },
    };
  });
  const state =
    options.stateDirectory === undefined ? undefined : await createStateStore(options.stateDirectory, logger);
  const controlPlane = createControlPlane({
    source: options.source,
    logger,
    policy: options.policy,
    compile: compileOptions(options),
    allowMassRemoval: options.allowMassRemoval,
    strict: options.strict,
    metrics,
    security: { ...(tls && { tls }), ...(authorize && { authorize }) },
    ...(state && { state }),
    ...(options.rollout && { rollout: options.rollout }),
    ...(options.onLimits && { onLimits: options.onLimits }),
    ...(options.onServed && { onServed: options.onServed }),
  });
  security.onRules?.(controlPlane.reauthorize);
  let xds: Address | undefined;
  let localXds: Address;
  let processorWatch: { close(): void } | undefined;
  const admin = createAdminServer({
    status: () => ({ version, ...controlPlane.status() }),
    readiness: () => [
      { name: 'source', ...sourceState(controlPlane) },
      { name: 'xds', ok: xds !== undefined, message: xds === undefined ? 'not listening' : formatAddress(xds) },
      ...tokenChecks(controlPlane),
    ],
    configDump: (request) => dumpFor(controlPlane, request),
    metrics: async () =>
      `${await metrics.expose()}${(await options.buckets?.metrics()) ?? ''}${(await options.processorMetrics?.()) ?? ''}`,
    ...(options.buckets && { budgets: options.buckets.budgets }),
    onFailure: (error) => logger.error({ component: 'admin', stack: error.stack }, `this is a bug: ${error.message}`),
    ...(adminToken && { token: adminToken }),
  });
  const adminAddress = await admin.listen(options.adminAddress);
  try {
    processorWatch = await options.watchProcessor?.(controlPlane.useProcessor);
    xds = await controlPlane.start(options.xdsAddress);
    if (options.restAddress) await controlPlane.listenRest(options.restAddress);
    localXds = tls && options.withLocalProxies ? await controlPlane.listenHere() : xds;
  } catch (caught) {
    // The source watches already: left open it would keep the process alive.
    processorWatch?.close();
    await Promise.all([admin.close(), controlPlane.close(0)]);
    throw caught;
  }
  logger.info({ xds: formatAddress(xds), admin: formatAddress(adminAddress) }, 'listening');
  return {
    controlPlane,
    xds,
    localXds,
    admin: adminAddress,
    async close(drainMs) {
      xds = undefined;
      processorWatch?.close();
      await controlPlane.close(drainMs);
      await admin.close();
      security.close();
    },
  };
}

/** Without a processor nothing is translated. */
function compileOptions({ sentinelPort, rateLimit, processor }: ServerOptions): CompileOptions {
  const { rateLimit: _assumed, processor: _assumedToo, ...rest } = DEFAULT_COMPILE_OPTIONS;
  return { ...rest, sentinelPort, ...(rateLimit && { rateLimit }), ...(processor && { processor }) };
}

/** A token that is missing takes its own backends out of service, not the server. */
function tokenChecks(controlPlane: ControlPlane): ReadinessCheck[] {
  return controlPlane.status().tokens.map((token) => ({
    name: `token of ${token.object}`,
    ok: true,
    impaired: token.state !== 'valid' || token.failure !== undefined,
    message: tokenText(token),
  }));
}

function sourceState(controlPlane: ControlPlane): { ok: boolean; message: string } {
  const { served, saved, staleSince, inPart } = controlPlane.status();
  const stale = staleSince === undefined ? '' : `, stale since ${staleSince}`;
  if (saved) return { ok: true, message: `revision ${saved.hash} as saved at ${saved.savedAt}${stale}` };
  if (served === undefined) return { ok: false, message: 'no revision is served yet' };
  if (inPart) return { ok: true, message: 'the source is refused; what can be read of it is served' };
  return { ok: true, message: `revision ${served.hash}${stale}` };
}
