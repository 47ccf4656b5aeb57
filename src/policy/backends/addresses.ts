import { isIP } from 'node:net';
import type { BackendIr, BackendTlsIr, EndpointIr } from '../../ir/index.ts';
import { type Backend, backendKind, type LoadedObject } from '../../resources/index.ts';
import type { Context } from '../context.ts';
import { keyOf, validOf } from '../objects.ts';
import type { TlsOf } from './backend-tls.ts';

/** Where a Backend is, and how it is spoken to. */
export interface TargetAddress extends Pick<BackendIr, 'endpoints' | 'protocol'> {
  readonly tls?: BackendTlsIr;
}

/** The Backends that can be reached, by `NAMESPACE/NAME`. */
export function readAddresses(tlsOf: TlsOf, context: Context): Map<string, TargetAddress> {
  const out = new Map<string, TargetAddress>();
  for (const loaded of validOf(context.index, backendKind)) {
    const address = readAddress(loaded, tlsOf, context);
    if (address) out.set(keyOf(loaded), address);
  }
  return out;
}

function readAddress(loaded: LoadedObject<Backend>, tlsOf: TlsOf, context: Context): TargetAddress | undefined {
  const { report } = context;
  const { spec } = loaded.object;
  if (spec.type === 'DynamicResolver') {
    report.error('HG0305', loaded, ['spec', 'type'], 'type DynamicResolver is not supported');
    return undefined;
  }
  if (spec.fallback !== undefined) {
    const hint = 'use priority in the backendRefs of an AIGatewayRoute';
    report.warning('HG0111', loaded, ['spec', 'fallback'], 'is accepted, but has no effect', { hint });
  }
  const tls = tlsOf(loaded);
  const endpoints = readEndpoints(loaded, context);
  if (endpoints.length === 0) {
    report.error('HG0305', loaded, ['spec', 'endpoints'], 'the Backend has no usable endpoint');
    return undefined;
  }
  if (tls === 'unusable') return undefined;
  if (!tls) warnPlaintext(loaded, context);
  return { endpoints, protocol: readProtocol(spec.appProtocols ?? []), ...(tls && { tls }) };
}

function readEndpoints(loaded: LoadedObject<Backend>, { report }: Context): EndpointIr[] {
  const out: EndpointIr[] = [];
  for (const [index, endpoint] of (loaded.object.spec.endpoints ?? []).entries()) {
    const { fqdn, ip, unix } = endpoint;
    const hostname = endpoint.hostname === undefined ? {} : { hostname: endpoint.hostname };
    const bad = (message: string): void => report.error('HG0305', loaded, ['spec', 'endpoints', index], message);
    if ((fqdn ?? ip)?.port === 0) bad('port 0 cannot be connected to');
    else if (fqdn) out.push({ kind: 'fqdn', ...fqdn });
    else if (ip && isIP(ip.address) === 0) bad(`${JSON.stringify(ip.address)} is not an IP address`);
    else if (ip) out.push({ kind: 'ip', address: ip.address, port: ip.port, ...hostname });
    else if (unix && unix.path !== '') out.push({ kind: 'unix', path: unix.path, ...hostname });
    else bad('the endpoint has no address');
  }
  return asAddresses(out);
}

/** Where all host names are addresses in truth, nothing is left to ask DNS for. */
function asAddresses(endpoints: readonly EndpointIr[]): EndpointIr[] {
  const addresses = endpoints.flatMap((endpoint): EndpointIr[] => {
    if (endpoint.kind !== 'fqdn') return [endpoint];
    const { hostname, port } = endpoint;
    return isIP(hostname) === 0 ? [] : [{ kind: 'ip', address: hostname, port }];
  });
  return addresses.length === endpoints.length ? addresses : [...endpoints];
}

function readProtocol(protocols: readonly string[]): BackendIr['protocol'] {
  if (protocols.includes('gateway.envoyproxy.io/h2c')) return 'h2c';
  return protocols.length > 0 ? 'http1' : 'auto';
}

function warnPlaintext(loaded: LoadedObject<Backend>, { report }: Context): void {
  const endpoints = loaded.object.spec.endpoints ?? [];
  const index = endpoints.findIndex(({ fqdn, ip }) => (fqdn ?? ip)?.port === 443);
  if (index < 0) return;
  report.warning('HG0306', loaded, ['spec', 'endpoints', index], 'port 443 is called in plaintext', {
    hint: 'add a BackendTLSPolicy with wellKnownCACertificates: System',
  });
}
