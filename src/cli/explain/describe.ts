/** Parts of routes and backends in words. */
import type {
  AwsSigningIr,
  BackendIr,
  CredentialIr,
  CredentialOverrideIr,
  EndpointIr,
  ForwardIr,
  HeaderEditIr,
  RetryIr,
} from '../../ir/index.ts';
import { protoDuration } from '../../lib/units.ts';
import type { BackendExplanation } from './explanation.ts';

/** What a backend is, without what a rule does with it. */
export function describeBackend(
  backend: BackendIr,
): Pick<BackendExplanation, 'backend' | 'schema' | 'endpoints' | 'tls' | 'credential'> {
  const { tls, credential, signing } = backend;
  const ca =
    tls && (typeof tls.ca === 'object' ? tls.ca.name : tls.ca === 'none' ? 'not verified' : 'system authorities');
  return {
    backend: backend.displayName,
    ...(backend.provider && { schema: backend.provider.schema }),
    endpoints: backend.endpoints.map(describeEndpoint),
    ...(tls && { tls: `${tls.sni} (${ca})` }),
    ...(credential && { credential: describeCredential(credential) }),
    ...(signing && { credential: describeSigning(signing) }),
  };
}

function describeEndpoint(endpoint: EndpointIr): string {
  switch (endpoint.kind) {
    case 'ip':
      return endpoint.address.includes(':')
        ? `[${endpoint.address}]:${endpoint.port}`
        : `${endpoint.address}:${endpoint.port}`;
    case 'fqdn':
      return `${endpoint.hostname}:${endpoint.port}`;
    case 'unix':
      return `unix:${endpoint.path}`;
  }
}

function describeOverride(override: CredentialOverrideIr | undefined, isPrefix = false): string[] {
  const { requestHeader: header, dynamicMetadata: metadata } = override ?? {};
  return [
    ...(header === undefined ? [] : [`request header${isPrefix ? 's' : ''} ${header}${isPrefix ? '*' : ''}`]),
    ...(metadata ? [`metadata ${metadata.namespace} ${metadata.key}`] : []),
  ];
}

function describeSigning({ service, region, secret, override }: AwsSigningIr): string {
  const configured = secret?.name ?? 'what the environment of Envoy gives';
  const keys = [...describeOverride(override, true), ...((override?.fallbackToConfigured ?? true) ? [configured] : [])];
  return `AWS signature for ${service} in ${region}: <${keys.join(', else ')}>`;
}

function describeCredential({ header, prefix, secret, override }: CredentialIr): string {
  const own = describeOverride(override);
  const configured = secret && (override?.fallbackToConfigured ?? true) ? [secret.name] : [];
  return `${header}: ${prefix}<${[...own, ...configured].join(', else ')}>`;
}

/** When and how often another attempt is made. */
export function describeRetry(retry: RetryIr, backends: number): string[] {
  const { attemptsPerBackend, numRetries, statusCodes, triggers, perTryTimeoutMs } = retry;
  const attempts = 1 + (numRetries ?? backends * attemptsPerBackend - 1);
  return [
    `up to ${attempts} attempt${attempts === 1 ? '' : 's'}${backends > 1 ? `, ${attemptsPerBackend} at each backend` : ''}`,
    ...(attempts === 1 ? [] : [`on ${[...triggers, ...statusCodes.map(String)].join(', ')}`]),
    ...(perTryTimeoutMs === undefined ? [] : [`${duration(perTryTimeoutMs)} an attempt`]),
  ];
}

/** Values may hold credentials: names alone. */
export function edits(side: string, edit: HeaderEditIr | undefined): string[] {
  return [
    ...(edit?.set ?? []).map(({ name }) => `sets ${side} header ${name}`),
    ...(edit?.add ?? []).map(({ name }) => `adds ${side} header ${name}`),
    ...(edit?.remove ?? []).map((name) => `removes ${side} header ${name}`),
  ];
}

/** A weight in percent of a total, to one decimal. */
export function share(weight: number, total: number): number {
  return total === 0 ? 0 : Math.round((weight * 1000) / total) / 10;
}

/** Milliseconds for people; 0 means none. */
export function duration(ms: number): string {
  return ms === 0 ? 'unlimited' : protoDuration(ms);
}

/** The path that a rewrite or redirect makes of one. */
export function replacePath(change: NonNullable<ForwardIr['rewrite']>['path'], path: string): string {
  if (change === undefined) return path;
  if (change.kind === 'full') return change.value;
  const rest = path.slice(change.matched.replace(/\/+$/, '').length).replace(/^\/+/, '/');
  const value = change.value.replace(/\/+$/, '');
  return value === '' ? `/${rest.replace(/^\//, '')}` : `${value}${rest}`;
}
