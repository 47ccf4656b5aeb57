import { createPrivateKey, X509Certificate } from 'node:crypto';
import type { SecretRef, SecretValue, SecretValues, TokenSource, TokenSources } from '../ir/index.ts';
import { type ConfigMap, configMapValue, type Secret, secretValue } from '../resources/index.ts';

/** Values on their way to SDS, by resource name. */
export interface SecretStore {
  readonly values: SecretValues;
  /** How the values are had that have to be fetched. */
  readonly tokens: TokenSources;
  put(name: string, value: SecretValue): SecretRef;
  putToken(name: string, source: TokenSource): SecretRef;
}

/** Creates an empty store. */
export function createSecretStore(): SecretStore {
  const values = new Map<string, SecretValue>();
  const tokens = new Map<string, TokenSource>();
  return {
    values,
    tokens,
    put(name, value) {
      values.set(name, value);
      return { name, kind: value.kind };
    },
    putToken(name, source) {
      tokens.set(name, source);
      return { name, kind: source.kind.startsWith('aws') ? 'aws' : 'generic' };
    },
  };
}

/** A value, or why there is none. The problem never holds the value. */
export type Read<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly problem: string };

function text(bytes: Uint8Array): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    return undefined;
  }
}

/** A text under one key of a Secret. */
export function readSecretText(secret: Secret, key: string): Read<string> {
  const bytes = secretValue(secret, key);
  if (bytes === undefined) return { ok: false, problem: `has no key ${JSON.stringify(key)}` };
  const value = text(bytes);
  if (value === undefined) return { ok: false, problem: `has no text under ${JSON.stringify(key)}` };
  return { ok: true, value };
}

/** Certificate chain and key of a `kubernetes.io/tls` Secret, checked to belong together. */
export function readTlsSecret(secret: Secret): Read<{ certificateChain: string; privateKey: string }> {
  const chain = readSecretText(secret, 'tls.crt');
  if (!chain.ok) return chain;
  const key = readSecretText(secret, 'tls.key');
  if (!key.ok) return key;
  const [first] = splitCertificates(chain.value);
  if (first === undefined) return { ok: false, problem: 'holds no PEM certificate under "tls.crt"' };
  const certificate = parseCertificate(first);
  if (!certificate) return { ok: false, problem: 'holds a certificate under "tls.crt" that cannot be read' };
  try {
    if (!certificate.checkPrivateKey(createPrivateKey(key.value))) {
      return { ok: false, problem: 'holds a key under "tls.key" that does not belong to its certificate' };
    }
  } catch {
    return { ok: false, problem: 'holds no PEM private key under "tls.key"' };
  }
  return { ok: true, value: { certificateChain: chain.value, privateKey: key.value } };
}

/** The certificates under `ca.crt` of a Secret or ConfigMap. */
export function readCertificates(holder: Secret | ConfigMap): Read<string> {
  const isSecret = holder.kind === 'Secret';
  const bytes = isSecret ? secretValue(holder as Secret, 'ca.crt') : configMapValue(holder as ConfigMap, 'ca.crt');
  if (bytes === undefined) return { ok: false, problem: 'has no key "ca.crt"' };
  const certificates = splitCertificates(text(bytes) ?? '');
  if (certificates.length === 0) return { ok: false, problem: 'holds no PEM certificate under "ca.crt"' };
  if (!certificates.every(parseCertificate)) {
    return { ok: false, problem: 'holds a certificate under "ca.crt" that cannot be read' };
  }
  return { ok: true, value: `${certificates.join('\n')}\n` };
}

function splitCertificates(pem: string): string[] {
  return pem.match(/-----BEGIN CERTIFICATE-----[\s\S]+?-----END CERTIFICATE-----/g) ?? [];
}

function parseCertificate(pem: string): X509Certificate | undefined {
  try {
    return new X509Certificate(pem);
  } catch {
    return undefined;
  }
}
