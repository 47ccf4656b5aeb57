import { SENTINEL } from './names.ts';
import type { EnvoyResource } from './resource.ts';

/**
 * Certificate and key of the sentinel (sentinel.ts), in base64, valid until 2126. They protect nothing: the sentinel is
 * there for Envoys that ask themselves over loopback, and who asks does not check it. They are constants because what is
 * compiled must be the same on any machine.
 */
const CERTIFICATE = [
  'MIIBjjCCATWgAwIBAgIUPRk6m0be772gXk8FGMN+1jGg+PwwCgYIKoZIzj0EAwIwHDEaMBgGA1UEAwwRaGVhZGdhdGUtc2VudGlu',
  'ZWwwIBcNMjYxMTIyMTAxNTQwWhgPMjEyNjEwMjkxMDE1NDBaMBwxGjAYBgNVBAMMEWhlYWRnYXRlLXNlbnRpbmVsMFkwEwYHKoZI',
  'zj0CAQYIKoZIzj0DAQcDQgAEWfbCQMsSEuA1pi17gwGVxErgahON68y5Tokq+CnsRL8KRF9Zn5BQ2oykU4i3wxGntTCXBSyIIq6b',
  '4TfwxerNSqNTMFEwHQYDVR0OBBYEFD5/t3uSWKgLftojgRHwCCjxSVRYMB8GA1UdIwQYMBaAFD5/t3uSWKgLftojgRHwCCjxSVRY',
  'MA8GA1UdEwEB/wQFMAMBAf8wCgYIKoZIzj0EAwIDRwAwRAIgWuU2seSIx1m6ead29DgrBuY0NK5QqCdW70GVVUQf9WICIDXSeldS',
  'jPlsDYn74pPjxnkmYCnn/kkDQ3rEJePULpTF',
];
const KEY = [
  'MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgynO9MtG6Xz2WeBhGSDnaSgdyIbNmxqYra0nQlbGsuPGhRANCAARZ',
  '9sJAyxIS4DWmLXuDAZXESuBqE43rzLlOiSr4KexEvwpEX1mfkFDajKRTiLfDEae1MJcFLIgirpvhN/DF6s1K',
];

export function sentinelSecret(): EnvoyResource {
  return {
    type: 'secret',
    name: SENTINEL,
    message: {
      name: SENTINEL,
      tls_certificate: {
        certificate_chain: { inline_string: pem('CERTIFICATE', CERTIFICATE) },
        private_key: { inline_string: pem('PRIVATE KEY', KEY) },
      },
    },
    requires: [],
  };
}

function pem(label: string, lines: readonly string[]): string {
  return `-----BEGIN ${label}-----\n${lines.join('\n')}\n-----END ${label}-----\n`;
}
