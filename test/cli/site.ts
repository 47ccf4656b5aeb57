/** A folder of configuration, `headgate serve` over it, and proxies that ask it as `headgate bootstrap` tells them to. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ControlPlaneStatus } from '../../src/cli/control-plane.ts';
import { type GatewayFacts, gatewayYaml } from '../envoy/support/objects.ts';
import {
  type EnvoyProcess,
  freePort,
  type LoadResult,
  loadTest,
  startEnvoy,
  tempDir,
  until,
} from '../support/index.ts';
import { type Running, runOnce, startCommand } from './running.ts';

export interface Site {
  readonly folder: string;
  /** Of the listener. */
  readonly port: number;
  write(facts: Omit<GatewayFacts, 'port'>): void;
  /** Starts a server. What it compiles does not depend on which one it is. */
  serve(...flags: string[]): Promise<Running>;
  /** Starts an Envoy that asks this server. */
  envoy(xdsPort: number, options?: EnvoyOfSite): Promise<EnvoyProcess>;
  /** Ends all that was started. */
  stop(): Promise<void>;
}

export interface EnvoyOfSite {
  /** Of `headgate bootstrap`. */
  readonly flags?: readonly string[];
  readonly change?: (bootstrap: string) => string;
  readonly waitFor?: 'live' | 'admin';
}

export async function makeSite(facts: Omit<GatewayFacts, 'port'>): Promise<Site> {
  const folder = tempDir('site');
  const port = await freePort();
  const sentinel = String(await freePort());
  const commands: Running[] = [];
  const envoys: EnvoyProcess[] = [];
  const write = (next: Omit<GatewayFacts, 'port'>): void =>
    writeFileSync(join(folder, 'gateway.yaml'), gatewayYaml({ port, ...next }));
  write(facts);
  return {
    folder,
    port,
    write,
    async serve(...flags) {
      const running = await startCommand(['serve', folder, '--sentinel-port', sentinel, ...flags]);
      commands.push(running);
      await running.says('"msg":"listening"');
      return running;
    },
    async envoy(xdsPort, { flags = [], change = (text: string) => text, waitFor = 'live' } = {}) {
      const args = ['bootstrap', '--gateway', 'default/gw', '--xds', `127.0.0.1:${xdsPort}`, '-o', 'json', ...flags];
      const { stdout, stderr } = runOnce(args);
      if (stderr !== '') throw new Error(stderr);
      const envoy = await startEnvoy({ bootstrap: JSON.parse(change(stdout)), waitFor });
      envoys.push(envoy);
      return envoy;
    },
    async stop() {
      await Promise.all([...envoys.splice(0), ...commands.splice(0)].map((one) => one.stop()));
    },
  };
}

/** Asks for chats of a model, eight at a time, until the function that it returns is called. */
export function constantLoad({ port }: Site, model: string): () => Promise<LoadResult> {
  let isRunning = true;
  const load = loadTest({
    concurrency: 8,
    total: 1_000_000,
    whileRunning: () => isRunning,
    makeRequest: () => ({
      port,
      path: '/v1/chat/completions',
      body: { model, messages: [{ role: 'user', content: 'Hello' }] },
    }),
  });
  return () => {
    isRunning = false;
    return load;
  };
}

export async function statusOf(running: Running): Promise<ControlPlaneStatus> {
  return (await fetch(`${running.admin}/api/status`)).json() as Promise<ControlPlaneStatus>;
}

/** Waits until so many proxies run what they shall run. Shape: the wanted versions, by type, of the first one. */
export async function synced(running: Running, proxies = 1): Promise<Record<string, string | undefined>> {
  let last: ControlPlaneStatus | undefined;
  const [first] = await until(
    async () => {
      last = await statusOf(running);
      return last.nodes.length === proxies && last.nodes.every((node) => node.synced) && last.nodes;
    },
    { what: () => `${proxies} proxies in sync: ${JSON.stringify(last?.nodes)}`, timeoutMs: 30_000 },
  );
  return Object.fromEntries((first?.types ?? []).map(({ typeUrl, wanted }) => [typeUrl, wanted]));
}
