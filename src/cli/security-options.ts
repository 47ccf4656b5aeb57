import type { Command } from 'commander';
import { GatewayError } from '../lib/errors.ts';
import type { Address } from './addresses.ts';
import { addAdminTokenOption, checkAdminPort } from './admin-port.ts';
import { addPortOptions, checkPlaintext, checkTlsFlags, type PortFlags } from './tls-options.ts';

/** Flags that say who may connect. */
export interface SecurityFlags extends PortFlags {
  readonly authorize?: string;
  readonly adminTokenFile?: string;
}

export function addSecurityOptions(command: Command): Command {
  return addAdminTokenOption(
    addPortOptions(command, 'anyone who connects gets the credentials').option(
      '--authorize <file>',
      'which certificate may ask for which Gateways, a YAML list of {san, gateways, nodeIds}',
    ),
  );
}

export interface ServerAddresses {
  readonly xdsAddress: Address;
  readonly xdsRestAddress?: Address;
  readonly adminAddress: Address;
}

/** Errors: GatewayError `usage` where flags do not go together, or an address beyond loopback is not protected. */
export function checkSecurityFlags(flags: SecurityFlags & ServerAddresses): void {
  const usage = (message: string): GatewayError => new GatewayError('usage', message);
  const { authorize, xdsAddress: xds, xdsRestAddress: rest } = flags;
  checkTlsFlags(flags);
  if (authorize !== undefined && flags.tlsClientCa === undefined) {
    throw usage('--authorize needs --tls-client-ca: without it clients show no certificate');
  }
  const what = 'what is served there holds credentials';
  checkPlaintext(flags, { flag: '--xds-address', address: xds, what });
  if (rest) checkPlaintext(flags, { flag: '--xds-rest-address', address: rest, what });
  checkAdminPort(flags);
}
