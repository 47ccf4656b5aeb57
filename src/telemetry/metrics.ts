import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';

/** Metrics of the control plane, under names that users of Envoy know (xds_*). Labels are bounded: no ids. */
export interface Metrics {
  countRevision(result: 'served' | 'refused' | 'held'): void;
  /** A snapshot was built for proxies that had none, or in the place of another one. */
  countSnapshot(gateway: string, what: 'created' | 'updated'): void;
  countNack(gateway: string, type: string): void;
  countRefusal(): void;
  /** From a response until the proxy's answer. */
  observePush(gateway: string, type: string, seconds: number): void;
  /** A stream has ended. */
  observeStream(gateway: string, variant: 'sotw' | 'delta', seconds: number): void;
  /** From a change until the last connected proxy of a Gateway has acknowledged it. */
  observeConvergence(gateway: string, seconds: number): void;
  /** A token of a cloud was fetched, or could not be. */
  countTokenFetch(result: 'ok' | 'failed'): void;
  /** Prometheus text; `read` sets the gauges first. */
  expose(): Promise<string>;
}

export interface MetricsReading {
  /** What is served. */
  readonly revision?: { readonly hash: string; readonly commit?: string };
  readonly clients: number;
  readonly waiting: number;
  readonly staleSeconds: number;
  /** Resources that proxies do not get because proxies rejected them, and changes that only some proxies have. */
  readonly withheld?: number;
  readonly rollouts?: number;
  /** Tokens of clouds, by the policy that they are for; times are ISO 8601. */
  readonly tokens?: readonly { readonly object: string; readonly state: string; readonly expiresAt?: string }[];
  /** What a proxy gets, by Gateway and type. */
  readonly sizes?: readonly { gateway: string; type: string; resources: number; bytes: number }[];
  readonly findings: Readonly<Record<'error' | 'warning' | 'info', number>>;
}

export function createMetrics(build: { version: string; envoyApi: string }, read: () => MetricsReading): Metrics {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const registers = [registry];
  new Gauge({
    name: 'headgate_build_info',
    help: 'Version of this control plane and of the Envoy API it speaks.',
    labelNames: ['version', 'envoy_api'],
    registers,
  }).set({ version: build.version, envoy_api: build.envoyApi }, 1);
  const revisions = new Counter({
    name: 'config_revisions_total',
    help: 'Revisions of the source, by what became of them.',
    labelNames: ['result'],
    registers,
  });
  const created = new Counter({
    name: 'xds_snapshot_create_total',
    help: 'First snapshots for proxies of a Gateway that can do the same.',
    labelNames: ['gateway'],
    registers,
  });
  const updated = new Counter({
    name: 'xds_snapshot_update_total',
    help: 'Snapshots that replaced another one and differ from it.',
    labelNames: ['gateway'],
    registers,
  });
  const nacks = new Counter({
    name: 'xds_nack_total',
    help: 'Responses that a proxy rejected.',
    labelNames: ['gateway', 'type'],
    registers,
  });
  const refusals = new Counter({
    name: 'xds_node_refused_total',
    help: 'Streams that were refused because the client certificate may not be that node or ask for that gateway.',
    registers,
  });
  const tokens = new Counter({
    name: 'credential_token_fetches_total',
    help: 'Tokens of clouds that were asked for, by what became of it.',
    labelNames: ['result'],
    registers,
  });
  const tokenStates = new Gauge({
    name: 'credential_tokens',
    help: 'Tokens of clouds, by how they are doing: missing ones leave their backends out.',
    labelNames: ['state'],
    registers,
  });
  const tokenEnds = new Gauge({
    name: 'credential_token_expiry_timestamp_seconds',
    help: 'When the token of a policy ends.',
    labelNames: ['policy'],
    registers,
  });
  const pushes = new Histogram({
    name: 'xds_push_seconds',
    help: 'From a response to a proxy until its answer.',
    labelNames: ['gateway', 'type'],
    buckets: [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 15, 60],
    registers,
  });
  const streams = new Histogram({
    name: 'xds_stream_duration_seconds',
    help: 'For how long streams of proxies were open.',
    labelNames: ['gateway', 'variant'],
    buckets: [1, 10, 60, 300, 1800, 3600, 21_600, 86_400],
    registers,
  });
  const convergence = new Histogram({
    name: 'xds_convergence_seconds',
    help: 'From a change until every connected proxy of its Gateway has acknowledged it.',
    labelNames: ['gateway'],
    buckets: [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60],
    registers,
  });
  const resources = new Gauge({
    name: 'xds_resources',
    help: 'Resources that a proxy gets.',
    labelNames: ['gateway', 'type'],
    registers,
  });
  const configBytes = new Gauge({
    name: 'xds_config_bytes',
    help: 'Size of the resources that a proxy gets.',
    labelNames: ['gateway', 'type'],
    registers,
  });
  const clients = new Gauge({ name: 'xds_clients', help: 'Connected proxies.', labelNames: ['state'], registers });
  const stale = new Gauge({
    name: 'config_stale_seconds',
    help: 'How long the newest revision of the source has not been served, in seconds.',
    registers,
  });
  const served = new Gauge({
    name: 'config_revision_info',
    help: 'The revision of the source that is served, and its commit.',
    labelNames: ['revision', 'commit'],
    registers,
  });
  const withheld = new Gauge({
    name: 'xds_withheld_resources',
    help: 'Resources that proxies do not get as the source has them, because proxies rejected that form.',
    registers,
  });
  const rollouts = new Gauge({
    name: 'xds_rollouts',
    help: 'Changes that only a share of the proxies has so far.',
    registers,
  });
  const findings = new Gauge({
    name: 'config_findings',
    help: 'Findings of the configuration.',
    labelNames: ['level'],
    registers,
  });
  return {
    countRevision: (result) => revisions.inc({ result }),
    countSnapshot: (gateway, what) => (what === 'created' ? created : updated).inc({ gateway }),
    countNack: (gateway, type) => nacks.inc({ gateway, type }),
    countRefusal: () => refusals.inc(),
    observePush: (gateway, type, seconds) => pushes.observe({ gateway, type }, seconds),
    observeStream: (gateway, variant, seconds) => streams.observe({ gateway, variant }, seconds),
    observeConvergence: (gateway, seconds) => convergence.observe({ gateway }, seconds),
    countTokenFetch: (result) => tokens.inc({ result }),
    async expose() {
      const reading = read();
      clients.set({ state: 'served' }, reading.clients - reading.waiting);
      clients.set({ state: 'waiting' }, reading.waiting);
      stale.set(reading.staleSeconds);
      withheld.set(reading.withheld ?? 0);
      rollouts.set(reading.rollouts ?? 0);
      resources.reset();
      configBytes.reset();
      for (const size of reading.sizes ?? []) {
        const labels = { gateway: size.gateway, type: size.type };
        resources.set(labels, size.resources);
        configBytes.set(labels, size.bytes);
      }
      tokenEnds.reset();
      for (const state of ['valid', 'waiting', 'missing']) {
        tokenStates.set({ state }, reading.tokens?.filter((token) => token.state === state).length ?? 0);
      }
      for (const { object, expiresAt } of reading.tokens ?? []) {
        if (expiresAt !== undefined) tokenEnds.set({ policy: object }, Date.parse(expiresAt) / 1000);
      }
      // One series at a time.
      served.reset();
      if (reading.revision) served.set({ revision: reading.revision.hash, commit: reading.revision.commit ?? '' }, 1);
      for (const level of ['error', 'warning', 'info'] as const) findings.set({ level }, reading.findings[level]);
      return registry.metrics();
    },
  };
}
