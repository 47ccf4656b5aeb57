/** Flags of a port for Envoys: its TLS, and that it may do without beyond loopback. */
import { isIP } from 'node:net';
import type { Command } from 'commander';
import { GatewayError } from '../lib/errors.ts';
import { type Address, formatAddress } from './addresses.ts';
import type { TlsFlags } from './watched-tls.ts';

export interface PortFlags extends TlsFlags {
  readonly insecurePlaintext?: boolean;
}

/** `risk`: of a port without TLS. */
export function addPortOptions(command: Command, risk: string): Command {
  return command
    .option('--tls-cert <file>', 'TLS for Envoys: certificate chain (read again when it changes)')
    .option('--tls-key <file>', 'key of --tls-cert')
    .option('--tls-client-ca <file>', 'Envoys need a certificate of these authorities')
    .option('--insecure-plaintext', `serve Envoys beyond loopback without TLS: ${risk}`);
}

/** Errors: GatewayError `usage` where they do not go together. */
export function checkTlsFlags({ tlsCert, tlsKey, tlsClientCa }: TlsFlags): void {
  const usage = (message: string): GatewayError => new GatewayError('usage', message);
  if ((tlsCert === undefined) !== (tlsKey === undefined)) throw usage('--tls-cert and --tls-key belong together');
  if (tlsClientCa !== undefined && tlsCert === undefined) throw usage('--tls-client-ca needs --tls-cert and --tls-key');
}

/** A port that may be reached from elsewhere. */
export interface PortInQuestion {
  readonly flag: string;
  readonly address: Address;
  /** What it would give away without TLS. */
  readonly what: string;
  /** Default: the flags of TLS. */
  readonly remedy?: string;
}

/**
 * Errors: GatewayError `usage` for a port beyond loopback without TLS, unless that is said.
 */
export function checkPlaintext(
  { tlsCert, insecurePlaintext }: PortFlags,
  { flag, address, what, remedy = 'add --tls-cert, --tls-key and --tls-client-ca' }: PortInQuestion,
): void {
  if (tlsCert !== undefined || insecurePlaintext === true || isLoopback(address.host)) return;
  throw new GatewayError(
    'usage',
    `${flag} ${formatAddress(address)} is beyond loopback, and ${what}: ${remedy}, or say --insecure-plaintext`,
  );
}

export function isLoopback(host: string): boolean {
  if (isIP(host) === 4) return host.startsWith('127.');
  return host === '::1' || host === 'localhost';
}
