import type { SecretRef } from '../../ir/index.ts';
import { type Gateway, type GatewayListener, type LoadedObject, secretKind } from '../../resources/index.ts';
import { type Context, resolveReference } from '../context.ts';
import { isKind } from '../objects.ts';
import { readTlsSecret } from '../secrets.ts';

interface ListenerCertificates {
  readonly certificates: readonly SecretRef[];
  readonly problem?: { readonly reason: string; readonly message: string };
}

/** The certificates of an HTTPS listener; those that cannot be used are left out, with a finding each. */
export function readCertificates(
  gateway: LoadedObject<Gateway>,
  listener: GatewayListener,
  index: number,
  context: Context,
): ListenerCertificates {
  const { report } = context;
  const path = ['spec', 'listeners', index, 'tls'];
  if (asksForClientCertificates(gateway.object, listener.port)) {
    const message = 'client certificates cannot be checked yet; the listener is not served';
    report.error('HG0306', gateway, ['spec', 'tls', 'frontend'], message);
    return { certificates: [], problem: { reason: 'InvalidCertificateRef', message } };
  }
  const certificates: SecretRef[] = [];
  let problem: ListenerCertificates['problem'];
  for (const [i, ref] of (listener.tls?.certificateRefs ?? []).entries()) {
    const read = readCertificate(gateway, ref, [...path, 'certificateRefs', i], context);
    if ('problem' in read) problem ??= read.problem;
    else if (!certificates.some((one) => one.name === read.name)) certificates.push(read);
  }
  if (certificates.length === 0 && !problem) {
    const message = 'an HTTPS listener needs tls.certificateRefs; it is not served';
    report.error('HG0306', gateway, listener.tls ? path : path.slice(0, -1), message);
    problem = { reason: 'InvalidCertificateRef', message };
  }
  return { certificates, ...(problem && { problem }) };
}

type CertificateRef = NonNullable<NonNullable<GatewayListener['tls']>['certificateRefs']>[number];

function readCertificate(
  gateway: LoadedObject<Gateway>,
  ref: CertificateRef,
  path: (string | number)[],
  context: Context,
): SecretRef | { problem: { reason: string; message: string } } {
  const { report, grants, secrets } = context;
  if (!isKind(ref, secretKind)) {
    const message = `a certificate must be in a Secret, not in a ${ref.kind}`;
    report.error('HG0207', gateway, path, message);
    return { problem: { reason: 'InvalidCertificateRef', message } };
  }
  const found = resolveReference(context, gateway, path, secretKind, ref);
  const label = `Secret ${ref.name}`;
  if (!found) {
    const isPermitted = grants.permits(gateway.id, secretKind, ref.namespace ?? gateway.id.namespace, ref.name);
    const reason = isPermitted ? 'InvalidCertificateRef' : 'RefNotPermitted';
    return { problem: { reason, message: `${label} cannot be used` } };
  }
  const tls = readTlsSecret(found.object);
  if (tls.ok) {
    const { namespace, name } = found.id;
    return secrets.put(`Secret/${namespace}/${name}/tls.crt`, { kind: 'tls', ...tls.value });
  }
  const message = `${label} ${tls.problem}`;
  report.error('HG0306', gateway, path, message);
  return { problem: { reason: 'InvalidCertificateRef', message } };
}

/** Without the check, clients would get in that the Gateway wants to keep out. */
function asksForClientCertificates({ spec }: Gateway, port: number): boolean {
  const frontend = spec.tls?.frontend;
  const ofPort = frontend?.perPort?.find((entry) => entry.port === port);
  return (ofPort ? ofPort.tls : frontend?.default)?.validation !== undefined;
}
