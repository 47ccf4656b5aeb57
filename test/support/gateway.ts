import { type ControlPlane, createControlPlane } from '../../src/cli/control-plane.ts';
import { emitBootstrap } from '../../src/envoy/bootstrap.ts';
import { type CompileOptions, DEFAULT_COMPILE_OPTIONS } from '../../src/envoy/index.ts';
import type { ConfigBootstrapV3Bootstrap } from '../../src/envoy/schema/index.ts';
import { formatFinding } from '../../src/lib/findings.ts';
import { DEFAULT_POLICY_OPTIONS, type TranslateOptions } from '../../src/policy/index.ts';
import {
  createMemoryStore,
  createRateLimitService,
  type RateLimitService,
  type Store,
} from '../../src/ratelimit/index.ts';
import { createStaticSource, type ReadResult, readSources, type StaticSource } from '../../src/sources/index.ts';
import { createMetrics, type Logger, silentLogger } from '../../src/telemetry/index.ts';
import { type EnvoyProcess, startEnvoy } from './envoy.ts';
import { freePort } from './ports.ts';

export interface GatewayOptions {
  /** All objects as YAML. The Gateway is `default/gw` unless `gateway` says otherwise. */
  readonly yaml: string;
  readonly gateway?: string;
  /** Of the control plane. */
  readonly env?: Readonly<Record<string, string>>;
  /** Of the Envoy, beside this process's own. */
  readonly envoyEnv?: Readonly<Record<string, string>>;
  readonly logger?: Logger;
  readonly delta?: boolean;
  readonly concurrency?: number;
  readonly envoyVersion?: string;
  readonly policy?: Partial<TranslateOptions>;
  /** Where limits are kept; default in memory. */
  readonly store?: Store;
  /** A rate limit service that is there already, instead of one for this gateway. */
  readonly rateLimit?: { readonly service: RateLimitService; readonly port: number };
  readonly compile?: Partial<CompileOptions>;
  /** What an operator makes of the bootstrap. */
  readonly bootstrap?: (bootstrap: ConfigBootstrapV3Bootstrap) => ConfigBootstrapV3Bootstrap;
}

/** A control plane and a real Envoy that serves what it compiles. */
export interface TestGateway {
  readonly envoy: EnvoyProcess;
  readonly controlPlane: ControlPlane;
  readonly source: StaticSource;
  /** The rate limit service, which always knows the limits of what is served. */
  readonly limits: RateLimitService;
  readonly limitsPort: number;
  readonly xds: { readonly host: string; readonly port: number };
  /** Findings of what is served, as the CLI prints them. */
  readonly findings: () => string[];
  /** Puts other YAML in place. It is compiled when this returns; Envoy gets it at once. */
  apply(yaml: string): Promise<ReadResult>;
  stop(): Promise<void>;
}

const { processor: _, ...WITHOUT_PROCESSOR } = DEFAULT_COMPILE_OPTIONS;

/** Starts control plane and Envoy on free ports; the ports of listeners stand in the YAML. */
export async function startGateway(options: GatewayOptions): Promise<TestGateway> {
  const env = options.env ?? {};
  const version = options.envoyVersion ?? process.env.HEADGATE_TEST_ENVOY;
  const read = (yaml: string): Promise<ReadResult> => readSources(['-'], { env, stdin: async () => yaml });
  const first = await read(options.yaml);
  if (!first.ok) throw new Error(first.findings.map(formatFinding).join('\n'));
  const source = createStaticSource(first.set);
  const { service: limits, port: limitsPort } = options.rateLimit ?? (await startLimits(options.store));
  const controlPlane = createControlPlane({
    source,
    onLimits: limits.replaceConfig,
    logger: options.logger ?? silentLogger,
    env,
    policy: { ...DEFAULT_POLICY_OPTIONS, ...options.policy },
    compile: {
      ...WITHOUT_PROCESSOR,
      sentinelPort: await freePort(),
      rateLimit: { host: '127.0.0.1', port: limitsPort },
      ...options.compile,
    },
    allowMassRemoval: true,
    metrics: createMetrics({ version: 'test', envoyApi: 'test' }, () => ({
      clients: 0,
      waiting: 0,
      staleSeconds: 0,
      findings: { error: 0, warning: 0, info: 0 },
    })),
  });
  const xds = await controlPlane.start({ host: '127.0.0.1', port: 0 });
  const bootstrap = emitBootstrap({
    gateway: options.gateway ?? 'default/gw',
    nodeId: 'test',
    xds,
    delta: options.delta ?? true,
  });
  const envoy = await startEnvoy({
    bootstrap: { ...(options.bootstrap?.(bootstrap) ?? bootstrap) },
    ...(options.envoyEnv !== undefined && { env: options.envoyEnv }),
    ...(version !== undefined && { version }),
    ...(options.concurrency !== undefined && { concurrency: options.concurrency }),
  }).catch(async (error: unknown) => {
    const findings = controlPlane.status().findings.map(formatFinding);
    // What still listens would keep the test run from ending.
    await Promise.all([controlPlane.close(0), limits.close(0)]);
    throw new Error(['Envoy did not start', ...findings].join('\n'), { cause: error });
  });
  return {
    envoy,
    controlPlane,
    source,
    limits,
    limitsPort,
    xds,
    findings: () => controlPlane.status().findings.map(formatFinding),
    async apply(yaml) {
      const result = await read(yaml);
      source.replace(result);
      return result;
    },
    async stop() {
      await envoy.stop();
      await controlPlane.close(0);
      if (!options.rateLimit) await limits.close(0);
    },
  };
}

async function startLimits(store: Store = createMemoryStore()): Promise<{ service: RateLimitService; port: number }> {
  const service = createRateLimitService({ store, config: { domains: [] }, logger: silentLogger });
  const { port } = await service.listen({ host: '127.0.0.1', port: 0 });
  return { service, port };
}
