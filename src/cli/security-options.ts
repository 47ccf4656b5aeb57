import { isIP } from 'node:net';
import type { Command } from 'commander';
import { GatewayError } from '../lib/errors.ts';
import { type Address, formatAddress } from './addresses.ts';
import type { TlsFlags } from './watched-tls.ts';

/** Flags that say who may connect. */
export interface SecurityFlags extends TlsFlags {
  readonly authorize?: string;
  readonly insecurePlaintext?: boolean;
  readonly adminTokenFile?: string;
}

export function addSecurityOptions(command: Command): Command {
  return command
    .option('--tls-cert <file>', 'TLS for Envoys: certificate chain (read again when it changes)')
    .option('--tls-key <file>', 'key of --tls-cert')
    .option('--tls-client-ca <file>', 'Envoys need a certificate of these authorities')
    .option(
      '--authorize <file>',
      'which certificate may ask for which Gateways, a YAML list of {san, gateways, nodeIds}',
    )
    .option(
      '--insecure-plaintext',
      'serve Envoys beyond loopback without TLS: anyone who connects gets the credentials',
    )
    .option('--admin-token-file <file>', 'the admin API beyond loopback asks for this bearer token');
}

/** Errors: GatewayError `usage` where flags do not go together, or an address beyond loopback is not protected. */
export function checkSecurityFlags(flags: SecurityFlags, addresses: { xds: Address; admin: Address }): void {
  const usage = (message: string): GatewayError => new GatewayError('usage', message);
  const { tlsCert, tlsKey, tlsClientCa, authorize } = flags;
  if ((tlsCert === undefined) !== (tlsKey === undefined)) throw usage('--tls-cert and --tls-key belong together');
  if (tlsClientCa !== undefined && tlsCert === undefined) throw usage('--tls-client-ca needs --tls-cert and --tls-key');
  if (authorize !== undefined && tlsClientCa === undefined) {
    throw usage('--authorize needs --tls-client-ca: without it clients show no certificate');
  }
  const { xds, admin } = addresses;
  if (tlsCert === undefined && !isLoopback(xds.host) && flags.insecurePlaintext !== true) {
    throw usage(
      `--xds-address ${formatAddress(xds)} is beyond loopback, and what is served there holds credentials: ` +
        'add --tls-cert, --tls-key and --tls-client-ca, or say --insecure-plaintext',
    );
  }
  if (!isLoopback(admin.host) && flags.adminTokenFile === undefined) {
    throw usage(`--admin-address ${formatAddress(admin)} is beyond loopback: add --admin-token-file`);
  }
}

function isLoopback(host: string): boolean {
  if (isIP(host) === 4) return host.startsWith('127.');
  return host === '::1' || host === 'localhost';
}
