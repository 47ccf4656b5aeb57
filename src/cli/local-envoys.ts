import { emitBootstrap } from '../envoy/bootstrap.ts';
import type { GatewayIr, ListenerIr } from '../ir/index.ts';
import { GatewayError } from '../lib/errors.ts';
import { assertPortFree, createEnvoyProcess, type EnvoyBinary, type EnvoyProcess } from '../local/index.ts';
import type { Logger } from '../telemetry/index.ts';
import type { Address } from './addresses.ts';
import type { CliIo } from './io.ts';

export interface LocalEnvoysOptions {
  readonly binary: EnvoyBinary;
  /** Where each has a folder. */
  readonly directory: string;
  readonly xds: Address;
  /** Admin address of the first gateway's Envoy; the others take free ports. */
  readonly adminAddress: Address;
  readonly drainTimeoutMs: number;
  readonly logger: Logger;
  readonly io: CliIo;
  /** Called when an Envoy is on its way: what it will ask for can be made while it starts. */
  readonly onStarted: (gateway: GatewayIr) => void;
  /** Called when an Envoy serves for the first time. */
  readonly onLive: (gateway: GatewayIr) => void;
  /** Called when an Envoy is given up. */
  readonly onFailed: (error: unknown) => void;
}

/** One Envoy for each gateway, kept in step with the gateways. */
export interface LocalEnvoys {
  /** Errors: GatewayError `port_in_use` (a listener's port belongs to somebody else), `envoy_died`, `timeout`. */
  reconcile(gateways: readonly GatewayIr[], signal?: AbortSignal): Promise<void>;
  close(): Promise<void>;
}

export function createLocalEnvoys(options: LocalEnvoysOptions): LocalEnvoys {
  const running = new Map<string, EnvoyProcess>();
  let adminTaken = false;
  let stopping = false;

  async function start(gateway: GatewayIr, signal: AbortSignal | undefined): Promise<void> {
    for (const listener of gateway.listeners) {
      // Envoy shares ports (SO_REUSEPORT): a second gateway on this one would silently take half of the traffic.
      await assertPortFree(listener.address, listener.port, `listener of Gateway ${gateway.key}`);
    }
    const envoy = createEnvoyProcess({
      binary: options.binary.path,
      baseDir: options.directory,
      bootstrap: {
        ...emitBootstrap({
          gateway: gateway.key,
          nodeId: `run-${process.pid}-${gateway.key.replace('/', '-')}`,
          xds: options.xds,
          delta: true,
        }),
        admin: {
          address: {
            socket_address: {
              address: options.adminAddress.host,
              port_value: adminTaken ? 0 : options.adminAddress.port,
            },
          },
        },
      },
      drainTimeoutMs: options.drainTimeoutMs,
      logLevel: 'warn',
      onLog: (entry) =>
        // That it loses its streams while we stop it is no news.
        options.logger[stopping ? 'debug' : LEVELS[entry.level]]({ component: 'envoy' }, entry.message),
      onOutputLine: (line) => options.io.stdout.write(`${line}\n`),
      onEvent: (event) => {
        if (event.kind === 'started') {
          options.onStarted(gateway);
        } else if (event.kind === 'died') {
          const { how, reason, restartInMs } = event;
          options.logger.warn(
            { component: 'envoy', how, restartInMs },
            `Envoy died (${how})${reason === '' ? '' : `: ${reason}`}; it is started again`,
          );
        } else if (event.kind === 'address-taken') {
          options.logger.error({ component: 'envoy' }, `the address ${event.address} is in use by another process`);
        }
      },
    });
    adminTaken = true;
    running.set(gateway.key, envoy);
    try {
      await envoy.start(signal);
    } catch (caught) {
      // The next revision may try again.
      running.delete(gateway.key);
      throw caught;
    }
    envoy.finished.catch(options.onFailed);
    options.onLive(gateway);
  }

  /**
   * Starts what does not run. A new port of an Envoy that runs is not looked at: Envoy has been told of it and may hold it
   * by now, and where it cannot it says so itself (HG0702).
   */
  async function follow(gateway: GatewayIr, owners: Map<string, string>, signal: AbortSignal | undefined) {
    for (const port of gateway.listeners.map(portOf)) {
      const owner = owners.get(port) ?? gateway.key;
      owners.set(port, owner);
      if (owner === gateway.key) continue;
      // Two Envoys would share the port.
      const message = `${port} (listener of Gateway ${gateway.key}) is already in use by Gateway ${owner}`;
      throw new GatewayError('port_in_use', message);
    }
    if (!running.has(gateway.key)) await start(gateway, signal);
  }

  return {
    async reconcile(gateways, signal) {
      const wanted = new Set(gateways.map((gateway) => gateway.key));
      for (const [key, envoy] of running) {
        if (wanted.has(key)) continue;
        running.delete(key);
        await envoy.stop();
      }
      // One that fails keeps no other from starting.
      const owners = new Map<string, string>();
      const runningFirst = [...gateways].sort((a, b) => Number(running.has(b.key)) - Number(running.has(a.key)));
      const results = await Promise.allSettled(runningFirst.map((gateway) => follow(gateway, owners, signal)));
      const failed = results.find((result) => result.status === 'rejected');
      if (failed) throw failed.reason;
    },
    async close() {
      stopping = true;
      await Promise.all([...running.values()].map((envoy) => envoy.stop()));
    },
  };
}

const LEVELS = {
  trace: 'debug',
  debug: 'debug',
  info: 'info',
  warn: 'warn',
  error: 'error',
  fatal: 'error',
} as const;

function portOf({ address, port }: ListenerIr): string {
  return `${address}:${port}`;
}
