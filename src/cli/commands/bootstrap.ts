import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { type Command, InvalidArgumentError } from 'commander';
import type { ControlTls } from '../../envoy/control-tls.ts';
import { GatewayError } from '../../lib/errors.ts';
import { type Address, parseAddress } from '../addresses.ts';
import type { CliIo } from '../io.ts';
import { type OutputFormat, outputOption, writeDocuments } from '../output.ts';

interface BootstrapFlags {
  readonly gateway: string;
  readonly xds: Address;
  readonly sotw?: boolean;
  readonly delta?: boolean;
  readonly nodeId?: string;
  readonly adminPort?: number;
  readonly tlsCert?: string;
  readonly tlsKey?: string;
  readonly tlsCa?: string;
  readonly tlsSecrets?: string;
  readonly output: OutputFormat;
}

const EXAMPLES = `
An Envoy belongs to a Gateway by its node.cluster. Its node.id is free; envoy --service-node gives each its own.

Examples:
  headgate bootstrap --gateway default/ai > envoy.yaml && envoy -c envoy.yaml
  headgate bootstrap --gateway default/ai --xds headgate.infra:18000 --tls-ca /etc/headgate/ca.pem
  headgate bootstrap --gateway default/ai --xds headgate.infra:18000 --tls-ca /etc/headgate/ca.pem \\
    --tls-cert /etc/headgate/tls.crt --tls-key /etc/headgate/tls.key --tls-secrets /run/headgate`;

export function registerBootstrap(program: Command, io: CliIo): void {
  program
    .command('bootstrap')
    .description('Print the bootstrap for an Envoy of a Gateway')
    .requiredOption('--gateway <namespace/name>', 'the Gateway that the Envoy serves')
    .option('--xds <host:port>', 'where the control plane is (default: "127.0.0.1:18000")', parseAddress)
    .option('--delta', 'delta xDS (the default)')
    .option('--sotw', 'state-of-the-world xDS')
    .option('--node-id <id>', 'node.id (default: made of the name of the Gateway)')
    .option('--admin-port <port>', "Envoy's own admin on loopback (default: none)", parsePort)
    .option('--tls-ca <file>', 'TLS to the control plane, which these authorities vouch for')
    .option('--tls-cert <file>', 'client certificate')
    .option('--tls-key <file>', 'key of the client certificate')
    .option(
      '--tls-secrets <directory>',
      'write there, on the host of the Envoy, what lets it take new files of --tls-* over while it runs',
    )
    .addOption(outputOption(['yaml', 'json'], 'yaml'))
    .addHelpText('after', EXAMPLES)
    .action((flags: BootstrapFlags) => runBootstrap(flags, io));
}

/** Commander's way of reading a port. */
export function parsePort(text: string): number {
  const port = Number(text);
  if (!Number.isInteger(port) || port < 1 || port > 65_535) throw new InvalidArgumentError('It must be a port.');
  return port;
}

async function runBootstrap(flags: BootstrapFlags, io: CliIo): Promise<void> {
  const [, namespace, name] = /^([^/\s]+)\/([^/\s]+)$/.exec(flags.gateway) ?? [];
  if (namespace === undefined || name === undefined) {
    throw new GatewayError('usage', `--gateway ${flags.gateway}: write NAMESPACE/NAME`);
  }
  if (flags.sotw && flags.delta) throw new GatewayError('usage', '--delta and --sotw exclude each other');
  const tls = tlsOf(flags);
  const { bootstrapSecrets, emitBootstrap } = await import('../../envoy/bootstrap.ts');
  const options = {
    gateway: flags.gateway,
    nodeId: flags.nodeId ?? `${namespace}.${name}`,
    xds: flags.xds ?? { host: '127.0.0.1', port: 18_000 },
    delta: flags.sotw !== true,
    ...(flags.adminPort !== undefined && { adminPort: flags.adminPort }),
    ...(tls && { tls }),
    ...(flags.tlsSecrets !== undefined && { secretsDirectory: resolve(io.cwd, flags.tlsSecrets) }),
  };
  await writeSecrets(bootstrapSecrets(options));
  await writeDocuments(io, flags.output === 'json' ? 'json' : 'yaml', [emitBootstrap(options)]);
}

/** They name files and hold no secret themselves. Errors: GatewayError `invalid_input`. */
async function writeSecrets(secrets: ReadonlyMap<string, object>): Promise<void> {
  for (const [path, secret] of secrets) {
    try {
      await mkdir(dirname(path), { recursive: true });
      await writeFile(path, `${JSON.stringify(secret, null, 2)}\n`);
    } catch (caught) {
      throw GatewayError.from(caught, 'invalid_input', `${path} cannot be written`);
    }
  }
}

function tlsOf(flags: BootstrapFlags): ControlTls | undefined {
  const { tlsCert: cert, tlsKey: key, tlsCa: ca } = flags;
  if ((cert === undefined) !== (key === undefined)) {
    throw new GatewayError('usage', '--tls-cert and --tls-key belong together');
  }
  if (ca === undefined && cert !== undefined) {
    throw new GatewayError('usage', 'TLS needs --tls-ca: without it the control plane is not verified');
  }
  if (ca === undefined && flags.tlsSecrets !== undefined)
    throw new GatewayError('usage', '--tls-secrets needs --tls-ca');
  if (ca === undefined) return undefined;
  return { ca, ...(cert !== undefined && { cert }), ...(key !== undefined && { key }) };
}
