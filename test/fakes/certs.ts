/** A certificate authority that lives for one test run, made with the `openssl` command. */
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** A key pair in PEM, as text and as files. */
export interface Identity {
  readonly cert: string;
  readonly key: string;
  readonly certPath: string;
  readonly keyPath: string;
}

/** An authority that signs certificates for servers and clients. */
export interface TestCa {
  readonly cert: string;
  readonly certPath: string;
  /** Issues for these names; one that is an IP address becomes an IP entry, one with `://` a URI. */
  readonly issue: (...names: readonly string[]) => Promise<Identity>;
}

const authorities = new Map<string, Promise<TestCa>>();

/** The authority of that name, made at its first use; another name is an authority nobody trusts. */
export function testCa(name = 'test-ca'): Promise<TestCa> {
  const known = authorities.get(name);
  if (known !== undefined) return known;
  const made = createCa(name);
  authorities.set(name, made);
  return made;
}

async function createCa(name: string): Promise<TestCa> {
  const dir = mkdtempSync(join(tmpdir(), 'fake-ca-'));
  process.once('exit', () => rmSync(dir, { recursive: true, force: true }));
  const certPath = join(dir, 'ca.pem');
  const keyPath = join(dir, 'ca.key');
  await newKey(keyPath);
  await run('openssl', [
    ...['req', '-x509', '-key', keyPath, '-out', certPath, '-days', '2', '-subj', `/CN=${name}`],
    ...['-addext', 'keyUsage=critical,keyCertSign,cRLSign'],
  ]);
  let issued = 0;
  return {
    cert: await readFile(certPath, 'utf8'),
    certPath,
    issue: (...names) => issueCert(join(dir, `leaf-${issued++}`), certPath, keyPath, names),
  };
}

async function issueCert(base: string, caCert: string, caKey: string, names: readonly string[]): Promise<Identity> {
  const paths = { key: `${base}.key`, request: `${base}.csr`, extensions: `${base}.ext`, cert: `${base}.pem` };
  const entries = names.map(entryOf);
  await newKey(paths.key);
  await writeFile(
    paths.extensions,
    `subjectAltName=${entries.join(',')}\nextendedKeyUsage=serverAuth,clientAuth\nbasicConstraints=CA:FALSE\n`,
  );
  await run('openssl', [
    'req',
    '-new',
    '-key',
    paths.key,
    '-out',
    paths.request,
    '-subj',
    `/CN=${names.find((name) => !name.includes('/')) ?? 'leaf'}`,
  ]);
  await run('openssl', [
    ...['x509', '-req', '-in', paths.request, '-CA', caCert, '-CAkey', caKey, '-CAcreateserial'],
    ...['-days', '2', '-extfile', paths.extensions, '-out', paths.cert],
  ]);
  return {
    cert: await readFile(paths.cert, 'utf8'),
    key: await readFile(paths.key, 'utf8'),
    certPath: paths.cert,
    keyPath: paths.key,
  };
}

function entryOf(name: string): string {
  if (name.includes('://')) return `URI:${name}`;
  return /^[\d.]+$|:/.test(name) ? `IP:${name}` : `DNS:${name}`;
}

async function newKey(path: string): Promise<void> {
  await run('openssl', ['genpkey', '-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:P-256', '-out', path]);
}
