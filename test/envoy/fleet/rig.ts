/** A fleet: many real Envoys on one control plane, which may go away without a word and come back. */
import { join } from 'node:path';
import { createStateStore } from '../../../src/cli/state-store.ts';
import type { ServiceStatusV3ClientConfigGenericXdsConfig as ResourceStatus } from '../../../src/envoy/schema/index.ts';
import { createStaticSource, type ReadResult, readSources, type StaticSource } from '../../../src/sources/index.ts';
import { silentLogger } from '../../../src/telemetry/index.ts';
import { type EnvoyProcess, startEnvoy, tempDir, until } from '../../support/index.ts';
import { type Plane, startPlane } from '../gitops/source.ts';
import { clientStatus } from './client-status.ts';

/** Generous: what is told of a fleet on a busy machine is that it gets there, not when. */
const PATIENCE_MS = 60_000;
const STARTED_AT_ONCE = 4;

export interface MemberOptions {
  readonly id: string;
  readonly delta: boolean;
  /** Default `default/gw`. */
  readonly gateway?: string;
  /** Default: the pinned version. */
  readonly version?: string;
}

export interface Member extends MemberOptions {
  readonly envoy: EnvoyProcess;
}

export interface Fleet {
  readonly members: readonly Member[];
  /** The control plane that serves now. */
  readonly plane: Plane;
  /** Puts another policy in place; it is served when this returns. */
  apply(yaml: string): Promise<void>;
  /** By the ledger, every Envoy runs what it shall run. */
  synced(): Promise<true>;
  /** Ends the control plane, whatever its proxies were about to get. */
  kill(): Promise<void>;
  /** Starts another control plane on the port of the one that was killed. */
  restart(yaml: string): Promise<void>;
  /** What any Envoy or the ledger calls rejected, by node; empty when all is well. */
  rejections(): Promise<Readonly<Record<string, unknown>>>;
  /** What the status service says of each node. */
  status(): Promise<ReadonlyMap<string, readonly ResourceStatus[]>>;
  stop(): Promise<void>;
}

/**
 * Starts the control plane, with a state directory unless told otherwise, then the Envoys a few at a time, and waits until
 * all are in sync.
 */
export async function startFleet(
  yaml: string,
  wanted: readonly MemberOptions[],
  { withState = true }: { readonly withState?: boolean } = {},
): Promise<Fleet> {
  const first = await sourceOf(yaml);
  let source = first;
  const directory = join(tempDir('fleet'), 'state');
  const state = async () => (withState ? createStateStore(directory, silentLogger) : undefined);
  let plane = await startPlane(source, 0, await state());
  const { port } = plane.xds;
  const members: Member[] = [];
  const stop = async (): Promise<void> => {
    await Promise.all(members.map(({ envoy }) => envoy.stop()));
    await plane.stop();
  };
  const synced = (): Promise<true> =>
    until(
      () => {
        const { nodes } = plane.controlPlane.status();
        return nodes.length === wanted.length && nodes.every((node) => node.synced);
      },
      { what: () => `the fleet to be in sync; it lacks ${JSON.stringify(laggards(plane))}`, timeoutMs: PATIENCE_MS },
    );
  try {
    const queue = [...wanted];
    const startSome = async (): Promise<void> => {
      for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
        const { version, ...identity } = next;
        const options = { nodeId: identity.id, delta: identity.delta };
        const bootstrap = plane.bootstrap({ ...options, ...(next.gateway !== undefined && { gateway: next.gateway }) });
        const envoy = await startEnvoy({
          bootstrap,
          timeoutMs: PATIENCE_MS,
          ...(version !== undefined && { version }),
        });
        members.push({ ...next, envoy });
      }
    };
    await Promise.all(Array.from({ length: STARTED_AT_ONCE }, startSome));
    await synced();
  } catch (error) {
    await stop();
    throw error;
  }
  return {
    members,
    get plane() {
      return plane;
    },
    apply: async (next) => source.replace(await read(next)),
    synced,
    kill: () => plane.stop(),
    async restart(next) {
      source = await sourceOf(next);
      plane = await startPlane(source, port, await state());
    },
    rejections: () => rejections(members, plane),
    status: () => clientStatus(port),
    stop,
  };
}

async function rejections(members: readonly Member[], plane: Plane): Promise<Record<string, unknown>> {
  const found: Record<string, unknown> = {};
  for (const { id, envoy } of members) {
    const counts = await envoy.rejectedUpdates();
    if (Object.keys(counts).length > 0 || envoy.hasExited) found[`${id} itself`] = counts;
  }
  for (const { node, types } of plane.controlPlane.status().nodes) {
    const refused = types.filter((type) => type.rejection !== undefined || type.rejected.length > 0);
    if (refused.length > 0) found[node.id] = refused;
  }
  return found;
}

function laggards(plane: Plane): unknown[] {
  return plane.controlPlane
    .status()
    .nodes.filter((node) => !node.synced)
    .map(({ node, types }) => [node.id, types.filter((type) => !type.synced)]);
}

function read(yaml: string): Promise<ReadResult> {
  return readSources(['-'], { env: {}, stdin: async () => yaml });
}

async function sourceOf(yaml: string): Promise<StaticSource> {
  const result = await read(yaml);
  if (!result.ok) throw new Error(JSON.stringify(result.findings));
  return createStaticSource(result.set);
}

/** The routes that an Envoy has in effect, without what differs by variant. */
export async function routesOf(envoy: EnvoyProcess): Promise<unknown[]> {
  const { configs } = await envoy.configDump('resource=dynamic_route_configs');
  return configs.map((config) => config.route_config).sort((a, b) => (nameOf(a) < nameOf(b) ? -1 : 1));
}

function nameOf(config: unknown): string {
  return (config as { name?: string } | undefined)?.name ?? '';
}

/** Responses of an Envoy to its clients, by class: `{ '2xx': 12, '5xx': 3 }`. */
export async function responsesOf(envoy: EnvoyProcess): Promise<Readonly<Record<'2xx' | '5xx', number>>> {
  const stats = await envoy.stats('^http\\..*downstream_rq_[25]xx$');
  const sum = (kind: string): number =>
    Object.entries(stats)
      .filter(([name]) => !name.startsWith('http.admin.') && name.endsWith(kind))
      .reduce((total, [, value]) => total + value, 0);
  return { '2xx': sum('2xx'), '5xx': sum('5xx') };
}
