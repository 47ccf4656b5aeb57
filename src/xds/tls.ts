/** TLS of the xDS port: certificates that change while connections live on, and what a client's certificate says. */
import { createSecureContext } from 'node:tls';
import { experimental, type ServerCredentials } from '@grpc/grpc-js';
import { GatewayError } from '../lib/errors.ts';
import type { Call } from './grpc.ts';

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

/** Credentials that follow `tls`: new connections get the newest certificate, and open ones stay as they are. */
export function tlsCredentials(tls: TlsSource): ServerCredentials {
  const stops = new Map<unknown, () => void>();
  // The library is not ready for an answer before the listener is registered.
  const follow = (listener: unknown, tell: (material: TlsMaterial) => void): void => {
    stops.set(listener, tls.onChange(tell));
    process.nextTick(() => tell(tls.current));
  };
  const unfollow = (listener: unknown): void => {
    stops.get(listener)?.();
    stops.delete(listener);
  };
  const provider: experimental.CertificateProvider = {
    addCaCertificateListener(listener) {
      follow(listener, ({ clientCa }) => listener(clientCa === undefined ? null : { caCertificate: clientCa }));
    },
    removeCaCertificateListener: unfollow,
    addIdentityCertificateListener(listener) {
      follow(listener, ({ cert, key }) => listener({ certificate: cert, privateKey: key }));
    },
    removeIdentityCertificateListener: unfollow,
  };
  const asksClients = tls.current.clientCa !== undefined;
  // The first is the one of the server's own certificate, whatever the library's types call it.
  return experimental.createCertificateProviderServerCredentials(provider, asksClients ? provider : null, asksClients);
}

// Node writes a value that could be mistaken for another entry as a JSON string.
const SAN_ENTRY = /(?:^|, )(DNS|URI|IP Address):("(?:[^"\\]|\\.)*"|[^,]*)/g;

/** The identity of a call, without names where its certificate cannot be told; undefined on a connection without TLS. */
export function peerIdentity(call: Pick<Call, 'getAuthContext'>): PeerIdentity | undefined {
  const { transportSecurityType, sslPeerCertificate } = call.getAuthContext();
  if (transportSecurityType === undefined) return undefined;
  return { names: subjectNames(sslPeerCertificate?.subjectaltname ?? '') };
}

/** Shape: `subjectaltname` as Node prints it. */
export function subjectNames(text: string): string[] {
  return [...text.matchAll(SAN_ENTRY)].map(([, kind, value = '']) => {
    const plain = value.startsWith('"') ? (JSON.parse(value) as string) : value;
    return kind === 'URI' ? plain : plain.toLowerCase();
  });
}
