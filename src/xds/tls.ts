/** TLS of the xDS port: certificates that change while connections live on, and what a client's certificate says. */
import type { Socket } from 'node:net';
import { createSecureContext, type TLSSocket } from 'node:tls';
import { GatewayError } from '../lib/errors.ts';

/** PEM. */
export interface TlsMaterial {
  readonly cert: Buffer;
  readonly key: Buffer;
  /** Authorities of client certificates. Present: a client without a certificate of theirs is refused. */
  readonly clientCa?: Buffer;
}

/** Certificates that may be replaced. Whether there is a `clientCa` must not change. */
export interface TlsSource {
  readonly current: TlsMaterial;
  /** Returns how to stop. */
  onChange(listener: (material: TlsMaterial) => void): () => void;
}

/** Who a client is, as an authority of ours vouches for it. */
export interface PeerIdentity {
  /** DNS names and IP addresses of its certificate, in lower case, and URIs as they stand there. */
  readonly names: readonly string[];
}

/** Errors: GatewayError `invalid_input` where certificate and key cannot be used together. */
export function checkTlsMaterial({ cert, key, clientCa }: TlsMaterial): void {
  try {
    createSecureContext({ cert, key, ...(clientCa && { ca: clientCa }) });
  } catch (caught) {
    // What the library says of keys is about their form, never of their content.
    throw GatewayError.from(caught, 'invalid_input', 'the TLS certificate and key cannot be used');
  }
}

// Node writes a value that could be mistaken for another entry as a JSON string.
const SAN_ENTRY = /(?:^|, )(DNS|URI|IP Address):("(?:[^"\\]|\\.)*"|[^,]*)/g;

/**
 * The identity of a connection's client, without names where its certificate cannot be told; undefined on a connection
 * without TLS.
 */
export function peerIdentity(socket: Socket): PeerIdentity | undefined {
  if (!isSecure(socket)) return undefined;
  const certificate = socket.authorized ? socket.getPeerCertificate() : undefined;
  return { names: subjectNames(certificate?.subjectaltname ?? '') };
}

function isSecure(socket: Socket): socket is TLSSocket {
  return Reflect.get(socket, 'encrypted') === true;
}

/** Shape: `subjectaltname` as Node prints it. */
export function subjectNames(text: string): string[] {
  return [...text.matchAll(SAN_ENTRY)].map(([, kind, value = '']) => {
    const plain = value.startsWith('"') ? (JSON.parse(value) as string) : value;
    return kind === 'URI' ? plain : plain.toLowerCase();
  });
}
