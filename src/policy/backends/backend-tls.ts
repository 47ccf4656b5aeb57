import type { BackendTlsIr, SecretRef, SubjectAltNameIr, TlsVersion } from '../../ir/index.ts';
import type { FieldPath } from '../../lib/findings.ts';
import {
  type Backend,
  type BackendTLSPolicy,
  backendKind,
  backendTLSPolicyKind,
  configMapKind,
  isValidOf,
  type LoadedObject,
  secretKind,
} from '../../resources/index.ts';
import type { Conditions } from '../conditions.ts';
import { type Context, resolveReference } from '../context.ts';
import { isKind, keyOf } from '../objects.ts';
import { fieldsOf, itemsOf, textOf } from '../routes/salvage.ts';
import { readCertificates, readTlsSecret } from '../secrets.ts';

/** TLS of a Backend. `unusable`: TLS is wanted but cannot be had, so plaintext must not take its place. */
export type TlsOf = (backend: LoadedObject<Backend>) => BackendTlsIr | 'unusable' | undefined;

type Ca = BackendTlsIr['ca'];
type CaFields = Pick<BackendTLSPolicy['spec']['validation'], 'caCertificateRefs' | 'wellKnownCACertificates'>;

/** Reads all BackendTLSPolicies. */
export function readBackendTls(context: Context, conditions: Conditions): TlsOf {
  const policies = new Map<string, LoadedObject>();
  for (const policy of context.index.all(backendTLSPolicyKind)) claimTargets(policy, policies, context, conditions);
  return (backend) => {
    const policy = policies.get(keyOf(backend));
    if (policy) return isValidOf(policy, backendTLSPolicyKind) ? tlsOfPolicy(policy, backend, context) : 'unusable';
    return backend.object.spec.tls && tlsOfBackend(backend, backend.object.spec.tls, context);
  };
}

function claimTargets(
  policy: LoadedObject,
  policies: Map<string, LoadedObject>,
  context: Context,
  conditions: Conditions,
): void {
  const { report, index } = context;
  let status: readonly [boolean, string, string] | undefined;
  for (const [i, ref] of itemsOf(fieldsOf(policy.object.spec).targetRefs).entries()) {
    const { group, kind, name: target, sectionName } = fieldsOf(ref);
    const name = textOf(target);
    const path = ['spec', 'targetRefs', i];
    if (name === undefined) continue;
    if (!isKind({ group: String(group), kind: String(kind) }, backendKind)) {
      report.warning('HG0207', policy, path, `targets of kind ${String(kind)} are not supported`);
      status ??= [false, 'TargetNotFound', `targets of kind ${String(kind)} are not supported`];
      continue;
    }
    const backend = index.find(backendKind, policy.id.namespace, name);
    const key = `${policy.id.namespace}/${name}`;
    const isPart = typeof sectionName === 'string' && !(backend && hasPort(backend, sectionName));
    if (!backend || isPart) {
      const message = backend ? `Backend ${name} has no port ${sectionName}` : `no Backend ${JSON.stringify(name)}`;
      const hint = backend ? undefined : index.hint(backendKind, policy.id.namespace, name);
      report.warning('HG0205', policy, [...path, backend ? 'sectionName' : 'name'], message, { hint });
      status ??= [false, 'TargetNotFound', message];
    } else if (policies.has(key)) {
      const message = `Backend ${name} already has BackendTLSPolicy ${policies.get(key)?.id.name}`;
      report.warning('HG0206', policy, path, message);
      status ??= [false, 'Conflicted', message];
    } else {
      policies.set(key, policy);
      status = policy.valid ? [true, 'Accepted', ''] : [false, 'Invalid', 'the policy does not match its schema'];
    }
  }
  if (status) conditions.add(policy, 'Accepted', ...status);
}

/** The section of a Backend is one of its ports. */
function hasPort(backend: LoadedObject, section: string): boolean {
  return itemsOf(fieldsOf(backend.object.spec).endpoints).some((endpoint) => {
    const { fqdn, ip } = fieldsOf(endpoint);
    return String(fieldsOf(fqdn ?? ip).port) === section;
  });
}

function tlsOfPolicy(
  policy: LoadedObject<BackendTLSPolicy>,
  backend: LoadedObject<Backend>,
  context: Context,
): BackendTlsIr | 'unusable' {
  const { validation } = policy.object.spec;
  const ca = readCa(validation, policy, ['spec', 'validation'], context);
  const rest = readSettings(backend, context);
  if (ca === undefined || rest === undefined) return 'unusable';
  const subjectAltNames = (validation.subjectAltNames ?? []).flatMap((name): SubjectAltNameIr[] => {
    if (name.type === 'URI') return name.uri === undefined ? [] : [{ type: 'uri', value: name.uri }];
    return name.hostname === undefined ? [] : [{ type: 'dns', value: name.hostname }];
  });
  return { sni: validation.hostname, ca, subjectAltNames, ...rest };
}

type BackendTls = NonNullable<Backend['spec']['tls']>;

function tlsOfBackend(backend: LoadedObject<Backend>, tls: BackendTls, context: Context): BackendTlsIr | 'unusable' {
  const path = ['spec', 'tls'];
  const rest = readSettings(backend, context);
  const ca = tls.insecureSkipVerify ? 'none' : readCa(tls, backend, path, context);
  const sni = tls.sni ?? hostnameOf(backend.object);
  if (ca === undefined || rest === undefined) return 'unusable';
  if (sni === undefined && ca !== 'none') {
    context.report.error('HG0306', backend, path, 'the certificate cannot be checked without a name', {
      hint: 'set tls.sni',
    });
    return 'unusable';
  }
  if (ca === 'none') {
    context.report.warning(
      'HG0306',
      backend,
      [...path, 'insecureSkipVerify'],
      'any certificate is taken for the right one',
    );
  }
  return { sni: sni ?? '', ca, subjectAltNames: [], ...rest };
}

function hostnameOf({ spec }: Backend): string | undefined {
  const names = (spec.endpoints ?? []).map(({ fqdn, hostname }) => fqdn?.hostname ?? hostname);
  return names.find((name) => name !== undefined);
}

/** Settings of the Backend that stand beside whatever validates its certificate. */
function readSettings(
  backend: LoadedObject<Backend>,
  context: Context,
): Pick<BackendTlsIr, 'certificate' | 'minVersion' | 'maxVersion' | 'alpn'> | undefined {
  const { tls } = backend.object.spec;
  if (!tls) return {};
  for (const field of ['ciphers', 'ecdhCurves', 'signatureAlgorithms', 'fingerprints'] as const) {
    if (tls[field] === undefined) continue;
    context.report.warning('HG0111', backend, ['spec', 'tls', field], 'is accepted, but has no effect yet');
  }
  const version = (value: string | undefined): TlsVersion | undefined =>
    value === undefined || value === 'Auto' ? undefined : (value as TlsVersion);
  const [minVersion, maxVersion] = [version(tls.minVersion), version(tls.maxVersion)];
  const certificate = tls.clientCertificateRef && readClientCertificate(backend, tls.clientCertificateRef, context);
  if (certificate === 'unusable') return undefined;
  return {
    ...(certificate && { certificate }),
    ...(minVersion && { minVersion }),
    ...(maxVersion && { maxVersion }),
    ...(tls.alpnProtocols && tls.alpnProtocols.length > 0 && { alpn: tls.alpnProtocols }),
  };
}

function readClientCertificate(
  backend: LoadedObject<Backend>,
  ref: NonNullable<BackendTls['clientCertificateRef']>,
  context: Context,
): SecretRef | 'unusable' {
  const path = ['spec', 'tls', 'clientCertificateRef'];
  const found = isKind(ref, secretKind) ? resolveReference(context, backend, path, secretKind, ref) : undefined;
  if (!isKind(ref, secretKind))
    context.report.error('HG0207', backend, path, `a certificate must be in a Secret, not in a ${ref.kind}`);
  if (!found) return 'unusable';
  const tls = readTlsSecret(found.object);
  if (tls.ok) return context.secrets.put(`Secret/${keyOf(found)}/tls.crt`, { kind: 'tls', ...tls.value });
  context.report.error('HG0306', backend, path, `Secret ${ref.name} ${tls.problem}`);
  return 'unusable';
}

/** Undefined, with a finding, where a certificate authority is named that cannot be used. */
function readCa(fields: CaFields, at: LoadedObject, path: FieldPath, context: Context): Ca | undefined {
  const { caCertificateRefs: refs = [], wellKnownCACertificates: known } = fields;
  if (known !== undefined && known !== 'System') {
    context.report.error('HG0306', at, [...path, 'wellKnownCACertificates'], `${known} is not known`, {
      hint: 'use System',
    });
    return undefined;
  }
  if (refs.length === 0) return 'system';
  const parts: { name: string; certificates: string }[] = [];
  for (const [index, ref] of refs.entries()) {
    const part = readCaPart(ref, at, [...path, 'caCertificateRefs', index], context);
    if (!part) return undefined;
    parts.push(part);
  }
  // Envoy takes one secret a validation context, so several become one that is named for who joins them.
  const { kind, namespace, name } = at.id;
  const joined = parts.length === 1 ? parts[0]?.name : undefined;
  const certificates = parts.map((part) => part.certificates).join('');
  return context.secrets.put(joined ?? `${kind}/${namespace}/${name}/ca.crt`, { kind: 'ca', certificates });
}

function readCaPart(
  ref: NonNullable<CaFields['caCertificateRefs']>[number],
  at: LoadedObject,
  path: FieldPath,
  context: Context,
): { name: string; certificates: string } | undefined {
  const kind = [configMapKind, secretKind].find((one) => isKind(ref, one));
  if (!kind) {
    context.report.error('HG0207', at, path, `certificates must be in a ConfigMap or Secret, not in a ${ref.kind}`);
    return undefined;
  }
  const found =
    kind === secretKind
      ? resolveReference(context, at, path, secretKind, { name: ref.name })
      : resolveReference(context, at, path, configMapKind, { name: ref.name });
  if (!found) return undefined;
  const read = readCertificates(found.object);
  if (read.ok) return { name: `${kind.kind}/${keyOf(found)}/ca.crt`, certificates: read.value };
  context.report.error('HG0306', at, path, `${kind.kind} ${ref.name} ${read.problem}`);
  return undefined;
}
