import { mkdir, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { type ControlPlane, createControlPlane } from '../../../src/cli/control-plane.ts';
import type { StateStore } from '../../../src/cli/state-store.ts';
import { emitBootstrap } from '../../../src/envoy/bootstrap.ts';
import { DEFAULT_COMPILE_OPTIONS } from '../../../src/envoy/index.ts';
import { DEFAULT_POLICY_OPTIONS } from '../../../src/policy/index.ts';
import { createDirectorySource, type Source } from '../../../src/sources/index.ts';
import { createMetrics, silentLogger } from '../../../src/telemetry/index.ts';
import { freePort, until } from '../../support/index.ts';

const NOTHING = { clients: 0, waiting: 0, staleSeconds: 0, findings: { error: 0, warning: 0, info: 0 } };

/** A control plane over some source, which counts what it serves. */
export interface Plane {
  readonly controlPlane: ControlPlane;
  readonly xds: { readonly host: string; readonly port: number };
  /** Hashes of the revisions served, in order. */
  readonly served: readonly string[];
  readonly codes: () => string[];
  bootstrap(options?: { gateway?: string; nodeId?: string; delta?: boolean }): Readonly<Record<string, unknown>>;
  /** All proxies run what they shall run. */
  synced(proxies?: number): Promise<boolean>;
  stop(): Promise<void>;
}

export function startDirectoryPlane(path: string): Promise<Plane> {
  return startPlane(createDirectorySource([path], { env: {} }));
}

/** One for all planes: what they compile must not differ for it. */
let sentinelPort: Promise<number> | undefined;

export async function startPlane(source: Source, xdsPort = 0, state?: StateStore): Promise<Plane> {
  const served: string[] = [];
  sentinelPort ??= freePort();
  const controlPlane = createControlPlane({
    source,
    logger: silentLogger,
    policy: DEFAULT_POLICY_OPTIONS,
    compile: { ...DEFAULT_COMPILE_OPTIONS, sentinelPort: await sentinelPort },
    allowMassRemoval: false,
    ...(state && { state }),
    metrics: createMetrics({ version: 'test', envoyApi: 'test' }, () => NOTHING),
    onServed: ({ revision }) => served.push(revision.hash),
  });
  const xds = await controlPlane.start({ host: '127.0.0.1', port: xdsPort });
  return {
    controlPlane,
    xds,
    served,
    codes: () => controlPlane.status().findings.map(({ code }) => code),
    bootstrap: ({ gateway = 'default/gw', nodeId = 'test', delta = true } = {}) => ({
      ...emitBootstrap({ gateway, nodeId, xds, delta }),
    }),
    synced: (proxies = 1) =>
      until(
        () => {
          const { nodes } = controlPlane.status();
          return nodes.length === proxies && nodes.every((node) => node.synced);
        },
        { what: () => `${proxies} proxies in sync: ${JSON.stringify(controlPlane.status().nodes)}` },
      ),
    stop: () => controlPlane.close(0),
  };
}

/** Writes files below a folder. */
export async function writeFiles(folder: string, files: Readonly<Record<string, string>>): Promise<void> {
  for (const [name, text] of Object.entries(files)) {
    const path = join(folder, name);
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, text);
  }
}

/**
 * As the kubelet writes a ConfigMap: files in a folder of their own, `..data` links to it and is replaced by a rename,
 * and the visible names link through `..data`.
 */
export async function writeConfigMap(folder: string, files: Readonly<Record<string, string>>): Promise<void> {
  const version = `..${process.hrtime.bigint()}`;
  await writeFiles(join(folder, version), files);
  await symlink(version, join(folder, '..data_tmp'));
  await rename(join(folder, '..data_tmp'), join(folder, '..data'));
  for (const name of Object.keys(files)) {
    await symlink(join('..data', name), join(folder, name)).catch((caught: NodeJS.ErrnoException) => {
      if (caught.code !== 'EEXIST') throw caught;
    });
  }
}

/** As git-sync: a work tree of its own for each revision, and one link that is replaced. */
export async function swapLink(link: string, target: string): Promise<void> {
  await rm(`${link}.tmp`, { force: true });
  await symlink(target, `${link}.tmp`);
  await rename(`${link}.tmp`, link);
}
