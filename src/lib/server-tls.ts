/** TLS as every port for Envoys has it. */
import type { SecureContextOptions } from 'node:tls';

/** PEM. `clientCa` present: clients need a certificate of these authorities. */
export interface ServerTls {
  readonly cert: Buffer;
  readonly key: Buffer;
  readonly clientCa?: Buffer;
}

/** What changes with the certificates. */
export function secureContextOf({ cert, key, clientCa }: ServerTls): SecureContextOptions {
  return { cert, key, minVersion: 'TLSv1.2', ...(clientCa && { ca: clientCa }) };
}

/** All of it, for a server that is made. */
export function serverTlsOf(
  tls: ServerTls,
): SecureContextOptions & { readonly requestCert: boolean; readonly rejectUnauthorized: boolean } {
  const asks = tls.clientCa !== undefined;
  return { ...secureContextOf(tls), requestCert: asks, rejectUnauthorized: asks };
}
