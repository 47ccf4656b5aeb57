import { isIPv6 } from 'node:net';
import {
  API_ENDPOINTS,
  type ApiFamily,
  type AwsSigningIr,
  type BackendIr,
  type CredentialIr,
  type CredentialOverrideIr,
  type EndpointIr,
  type ProviderIr,
  type SecretRef,
} from '../ir/index.ts';
import { canonicalJson } from '../lib/hash.ts';
import type { TranslatedPath } from '../providers/facts.ts';
import { awsDomain, bedrockRegion, nativePath, providerFacts, translatedPath } from '../providers/index.ts';
import { translatedFamilies } from './api-classes.ts';
import { signingFilters, signingReferences } from './aws-signing.ts';
import type { Capabilities } from './capabilities.ts';
import { keysOf, onlyForKey, poolSize } from './key-pool.ts';
import { luaFilter } from './lua.ts';
import type { BackendFacts, OverrideFacts, OwnKeysFacts } from './lua-facts.ts';
import { CLIENT_CREDENTIAL_HEADERS, TRANSLATED_LUA_FILTER } from './names.ts';
import { mirrorFilters, streamType, translateFilters } from './processor.ts';
import type { ResourceReference } from './resource.ts';
import { type ExtensionsFiltersNetworkHttpConnectionManagerV3HttpFilter, typedAny } from './schema/index.ts';
import { sdsConfig, secretReference } from './secrets.ts';
import type { PlainFilter } from './skip-filter.ts';
import { strippedHeaders } from './stripped-headers.ts';

export interface ClusterKind {
  /** No script, unless an attempt is translated. */
  readonly isPlain: boolean;
  /** There is a processor to translate. */
  readonly translates: boolean;
  /** It gets copies of requests, and the routes of these are not known there. */
  readonly isMirror?: boolean;
}

/** Upstream filters of a provider's cluster: they run on every attempt that goes there. */
export function upstreamFilters(
  backend: BackendIr,
  provider: ProviderIr,
  { isPlain, translates, isMirror }: ClusterKind,
  capabilities: Capabilities,
): ExtensionsFiltersNetworkHttpConnectionManagerV3HttpFilter[] {
  const families = translates ? translatedFamilies(provider) : [];
  const script = isMirror
    ? [luaFilter({ ...clusterFacts(backend, provider, families), mirror: true })]
    : scriptFilters(backend, provider, isPlain, families);
  return [
    ...script,
    ...(backend.credential ? credentialFilters(backend.credential, isPlain) : []),
    ...(isMirror ? mirrorFilters(provider, families) : translateFilters(provider, families, !isPlain)),
    // Behind the translation: the signature covers the body as it leaves.
    ...(backend.signing ? signingFilters(backend.signing, capabilities) : []),
    CODEC_FILTER,
  ];
}

/** The script; where attempts are plain unless they are translated, switched on by routes that translate. */
function scriptFilters(
  backend: BackendIr,
  provider: ProviderIr,
  isPlain: boolean,
  families: readonly ApiFamily[],
): ExtensionsFiltersNetworkHttpConnectionManagerV3HttpFilter[] {
  const script = luaFilter(clusterFacts(backend, provider, families));
  if (!isPlain) return [script];
  return families.length === 0 ? [] : [{ ...script, name: TRANSLATED_LUA_FILTER, disabled: true }];
}

/** The last of every cluster's filters. */
export const CODEC_FILTER: ExtensionsFiltersNetworkHttpConnectionManagerV3HttpFilter = {
  name: 'envoy.filters.http.upstream_codec',
  typed_config: typedAny('envoy.extensions.filters.http.upstream_codec.v3.UpstreamCodec', {}),
};

export function upstreamFilterReferences(backend: BackendIr): ResourceReference[] {
  const { credential, provider } = backend;
  if (provider && credential?.secret && mayUseConfigured(credential)) return keysOf(credential).map(secretReference);
  return signingReferences(backend);
}

export function mayUseConfigured(credential: Pick<CredentialIr, 'override'>): boolean {
  return credential.override?.fallbackToConfigured ?? true;
}

/** `overwrite`: the one of a single key, whatever stands in its header. */
export function credentialFilters(
  credential: CredentialIr,
  overwrite: boolean,
): ExtensionsFiltersNetworkHttpConnectionManagerV3HttpFilter[] {
  if (!credential.secret || !mayUseConfigured(credential)) return [];
  if (poolSize({ credential }) === undefined) return [credentialFilter(credential, credential.secret, overwrite)];
  return keysOf(credential).map((key, i) =>
    onlyForKey(credential.header, i + 1, credentialFilter(credential, key, true)),
  );
}

/** Adds the configured credential: where the script left the header free, or in any case. */
function credentialFilter(credential: CredentialIr, secret: SecretRef, overwrite: boolean): PlainFilter {
  return {
    name: 'envoy.filters.http.credential_injector',
    typed_config: typedAny('envoy.extensions.filters.http.credential_injector.v3.CredentialInjector', {
      ...(overwrite && { overwrite }),
      credential: {
        name: 'envoy.http.injected_credentials.generic',
        typed_config: typedAny('envoy.extensions.http.injected_credentials.generic.v3.Generic', {
          header: credential.header,
          header_value_prefix: credential.prefix,
          credential: sdsConfig(secret),
        }),
      },
    }),
  };
}

/** With what the script tells the processor of the provider. */
function clusterFacts(backend: BackendIr, provider: ProviderIr, families: readonly ApiFamily[]): BackendFacts {
  const facts = backendFacts(backend, provider, families);
  return families.length > 0 ? { ...facts, provider: canonicalJson(provider) } : facts;
}

export function backendFacts(
  backend: BackendIr,
  provider: ProviderIr,
  families: readonly ApiFamily[] = [],
): BackendFacts {
  const { credential } = backend;
  const override = credential?.override;
  const poolKeys = poolSize(backend);
  const host = backendHost(backend);
  const { requestHeaders } = providerFacts(provider.schema);
  return {
    cluster: backend.name,
    name: backend.displayName,
    api: provider.schema === 'Anthropic' ? 'anthropic' : 'openai',
    strip: strippedHeaders(backend),
    paths: nativePaths(provider),
    ...(families.length > 0 && {
      translated: translatedPaths(provider),
      stream_type: streamType(provider),
      ...(!backend.tls && { near: true }),
      ...(requestHeaders && { translated_headers: requestHeaders }),
    }),
    ...(host !== undefined && { host }),
    ...(credential && poolKeys !== undefined && { pool: { header: credential.header, size: poolKeys } }),
    ...(backend.forwardClientCredentials && { forward: CLIENT_CREDENTIAL_HEADERS }),
    ...(credential &&
      override && {
        credential: { header: credential.header, prefix: credential.prefix, ...overrideFacts(override) },
      }),
    ...(backend.signing?.override && { own_keys: ownKeysFacts(backend.signing, backend.signing.override) }),
  };
}

function ownKeysFacts({ region, service }: AwsSigningIr, override: CredentialOverrideIr): OwnKeysFacts {
  return { ...overrideFacts(override), region, service };
}

function overrideFacts({ requestHeader, dynamicMetadata, fallbackToConfigured }: CredentialOverrideIr): OverrideFacts {
  return {
    ...(requestHeader !== undefined && { request_header: requestHeader }),
    ...(dynamicMetadata && { metadata_namespace: dynamicMetadata.namespace, metadata_key: dynamicMetadata.key }),
    fallback: fallbackToConfigured,
  };
}

/** The `:authority` of a backend whose endpoints all have one name. */
export function backendHost(backend: BackendIr): string | undefined {
  const [only, ...more] = backend.endpoints;
  // Without TLS there is no CONNECT: the proxy learns from this name where the request is to go.
  if (backend.forwardProxy !== undefined && backend.tls === undefined && only && more.length === 0) {
    if (only.kind !== 'unix') return addressAndPort(only);
  }
  const hosts = new Set(backend.endpoints.map((endpoint) => endpoint.hostname));
  const [host] = hosts;
  if (hosts.size === 1 && host !== undefined) return host;
  if (backend.signing === undefined) return undefined;
  const sni = backend.tls?.sni;
  return sni !== undefined && bedrockRegion(sni) !== undefined
    ? sni
    : `bedrock-runtime.${backend.signing.region}.${awsDomain(backend.signing.region)}`;
}

function addressAndPort(endpoint: Exclude<EndpointIr, { kind: 'unix' }>): string {
  const name = endpoint.hostname ?? (endpoint.kind === 'ip' ? endpoint.address : '');
  const host = isIPv6(name) ? `[${name}]` : name;
  return endpoint.port === 80 ? host : `${host}:${endpoint.port}`;
}

function nativePaths(provider: ProviderIr): Record<string, string> {
  const paths: Record<string, string> = {};
  for (const endpoint of API_ENDPOINTS) {
    const path = nativePath(endpoint.name, provider);
    if (path !== undefined) paths[endpoint.name] = path;
  }
  return paths;
}

function translatedPaths(provider: ProviderIr): Record<string, TranslatedPath> {
  const paths: Record<string, TranslatedPath> = {};
  for (const { name } of API_ENDPOINTS) {
    const path = translatedPath(name, provider);
    if (path !== undefined) paths[name] = path;
  }
  return paths;
}
