import { type AwsSigningIr, type BackendIr, countsMoney, type ProviderIr } from '../../ir/index.ts';
import { bedrockRegion, isPublicProvider, providerFacts } from '../../providers/index.ts';
import { type AIServiceBackend, aiServiceBackendKind, backendKind, type LoadedObject } from '../../resources/index.ts';
import { type Context, resolveReference } from '../context.ts';
import { keyOf, validOf } from '../objects.ts';
import type { QuotasOf } from '../quotas.ts';
import { type Mutations, readMutations } from '../routes/mutations.ts';
import type { TargetAddress } from './addresses.ts';
import type { AwsCredential } from './aws-credentials.ts';
import type { Credential, CredentialOf } from './credentials.ts';
import { readEndpoints } from './endpoints.ts';
import { readModelFacts } from './model-facts.ts';
import type { Prices } from './prices.ts';

/** `"true"` on an AIServiceBackend: the client's own credentials go on to it. */
const FORWARD_ANNOTATION = 'headgate.dev/forward-client-credentials';

/** A backend without what depends on the gateway it is used by. */
export interface BackendSource {
  readonly loaded: LoadedObject;
  readonly ir: Omit<BackendIr, 'connection' | 'forwardProxy'>;
  /** Of an AIServiceBackend. */
  readonly mutations: Mutations;
}

/** The backends that can be used, by `NAMESPACE/NAME`. */
export interface Backends {
  readonly ai: ReadonlyMap<string, BackendSource>;
  readonly plain: ReadonlyMap<string, BackendSource>;
  /** Names in the Ir of those whose prices cannot be read. */
  readonly unpriced: ReadonlySet<string>;
}

/** Puts address, credential and schema of each backend together; one that lacks something is left out. */
export function readBackends(
  addresses: ReadonlyMap<string, TargetAddress>,
  credentialOf: CredentialOf,
  quotasOf: QuotasOf,
  prices: ReadonlyMap<string, Prices>,
  context: Context,
): Backends {
  const ai = new Map<string, BackendSource>();
  const unpriced = new Set<string>();
  for (const loaded of validOf(context.index, aiServiceBackendKind)) {
    const source = readAiBackend(loaded, addresses, credentialOf, context);
    const priced = prices.get(keyOf(loaded));
    const counted = source && withQuotas(source, quotasOf(loaded), priced, context);
    if (!counted) continue;
    ai.set(keyOf(loaded), priced?.list.length ? { ...counted, ir: { ...counted.ir, prices: priced.list } } : counted);
    if (priced?.isWhole === false) unpriced.add(counted.ir.name);
  }
  const plain = new Map<string, BackendSource>();
  for (const loaded of validOf(context.index, backendKind)) {
    const address = addresses.get(keyOf(loaded));
    if (!address) continue;
    const ir = { name: `Backend/${keyOf(loaded)}`, displayName: keyOf(loaded), ...address };
    plain.set(keyOf(loaded), { loaded, ir, mutations: {} });
  }
  return { ai, plain, unpriced };
}

/** A backend whose quotas cannot be used is not: nobody would count what it serves. */
function withQuotas(
  source: BackendSource,
  quotas: ReturnType<QuotasOf>,
  prices: Prices | undefined,
  { report }: Context,
): BackendSource | undefined {
  if (!quotas) return source;
  const refuse = (message: string): undefined => {
    report.error('HG0305', source.loaded, ['metadata', 'name'], message);
    return undefined;
  };
  if (quotas === 'broken') return refuse('its QuotaPolicy is not valid');
  if (prices?.isWhole === false && quotas.some(({ cost }) => countsMoney(cost))) {
    return refuse('its quotas count money, and its prices are not valid');
  }
  return { ...source, ir: { ...source.ir, quotas } };
}

function readAiBackend(
  loaded: LoadedObject<AIServiceBackend>,
  addresses: ReadonlyMap<string, TargetAddress>,
  credentialOf: CredentialOf,
  context: Context,
): BackendSource | undefined {
  const { spec } = loaded.object;
  const mutations = readMutations(spec, loaded, ['spec'], context.report);
  const target = resolveReference(context, loaded, ['spec', 'backendRef'], backendKind, spec.backendRef);
  const address = target && addresses.get(keyOf(target));
  const credential = credentialOf(loaded);
  if (target && !address) {
    context.report.error('HG0305', loaded, ['spec', 'backendRef'], `Backend ${target.id.name} cannot be used`);
  }
  if (!mutations || !address || credential.kind === 'unusable') return undefined;
  const signing = credential.kind === 'signing' ? readSigning(loaded, address, credential, context) : undefined;
  if (signing === 'unusable') return undefined;
  const forwards = forwardsCredentials(loaded, credential, context);
  if (credential.kind === 'none' && !forwards) warnWithoutCredential(loaded, address, context);
  return {
    loaded,
    mutations,
    ir: {
      name: `AIServiceBackend/${keyOf(loaded)}`,
      displayName: keyOf(loaded),
      provider: {
        ...readProvider(loaded, context),
        ...placeOf(credential, signing),
        ...readEndpoints(loaded, loaded.object.spec.schema.name, context),
        ...readModelFacts(loaded, context),
      },
      ...address,
      ...(credential.kind === 'usable' && { credential: credential.credential }),
      ...(signing && { signing }),
      ...(forwards && { forwardClientCredentials: true }),
    },
  };
}

/** The region is that of the host. What is signed is one name, so all endpoints have to have it. */
function readSigning(
  loaded: LoadedObject,
  { endpoints, tls }: TargetAddress,
  { region, secret, override }: AwsCredential,
  { report }: Context,
): AwsSigningIr | 'unusable' {
  const hosts = new Set(endpoints.map(({ hostname }) => hostname));
  if (hosts.size > 1) {
    report.error(
      'HG0305',
      loaded,
      ['spec', 'backendRef'],
      'requests are signed for one host: its endpoints have several',
      {
        hint: 'make a backend of each host',
      },
    );
    return 'unusable';
  }
  // Addresses alone may still say by their certificate who they are.
  const host = [...hosts][0] ?? tls?.sni;
  return {
    service: 'bedrock',
    region: (host === undefined ? undefined : bedrockRegion(host)) ?? region,
    ...(secret && { secret }),
    ...(override && { override }),
  };
}

function placeOf(credential: Credential, signing: AwsSigningIr | undefined): Pick<ProviderIr, 'project' | 'region'> {
  if (signing) return { region: signing.region };
  if (credential.kind !== 'usable') return {};
  const { project, region } = credential;
  return { ...(project !== undefined && { project }), ...(region !== undefined && { region }) };
}

/** The opt-in to send on what clients authenticate with; a configured credential excludes it. */
function forwardsCredentials(loaded: LoadedObject, credential: Credential, { report }: Context): boolean {
  const value = loaded.object.metadata.annotations?.[FORWARD_ANNOTATION];
  if (value === undefined || value === 'false') return false;
  const path = ['metadata', 'annotations', FORWARD_ANNOTATION];
  if (value !== 'true') {
    report.warning(
      'HG0404',
      loaded,
      path,
      `${JSON.stringify(value)} is neither "true" nor "false"; nothing is forwarded`,
    );
    return false;
  }
  if (credential.kind === 'none') return true;
  report.warning('HG0404', loaded, path, 'nothing is forwarded: a BackendSecurityPolicy gives the credential', {
    hint: 'to let clients bring their own, use credentialOverride there',
  });
  return false;
}

function readProvider(loaded: LoadedObject<AIServiceBackend>, { report }: Context): ProviderIr {
  const { name: schema, version, prefix } = loaded.object.spec.schema;
  const path = ['spec', 'schema'];
  const { defaultPrefix } = providerFacts(schema);
  if (prefix !== undefined && defaultPrefix === undefined) {
    report.warning('HG0111', loaded, [...path, 'prefix'], `schema ${schema} has no path prefix`);
  }
  const hasVersion = !['OpenAI', 'Anthropic'].includes(schema);
  if (version && !hasVersion) {
    report.warning('HG0111', loaded, [...path, 'version'], `schema ${schema} has no version`, {
      hint: 'a path prefix goes into prefix',
    });
  }
  return {
    schema,
    ...(version && hasVersion && { version }),
    ...(prefix !== undefined && defaultPrefix !== undefined && { prefix: prefix.replace(/^\/+|\/+$/g, '') }),
  };
}

function warnWithoutCredential(loaded: LoadedObject, { endpoints }: TargetAddress, { report }: Context): void {
  const known = endpoints.find((endpoint) => endpoint.kind === 'fqdn' && isPublicProvider(endpoint.hostname));
  if (known?.kind !== 'fqdn') return;
  report.warning('HG0401', loaded, ['metadata', 'name'], `${known.hostname} is called without a credential`, {
    hint: 'add a BackendSecurityPolicy; what clients send as a credential is removed',
  });
}
