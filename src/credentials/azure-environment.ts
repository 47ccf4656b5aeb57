/** Who the control plane is where it runs on Azure. Source: Azure, managed identities; AKS, workload identity. */
import { arcToken } from './azure-arc.ts';
import { badEnvironment, type FetchContext, METADATA_SERVICE } from './fetch-context.ts';
import { requestJson } from './request.ts';
import { readSmallFile } from './small-file.ts';
import { bearerToken, type Token } from './token.ts';

/** A token for the app (App Service, Container Apps), or the machine (Azure Arc, IMDS). Errors: GatewayError. */
export async function managedToken(
  { clientId }: { readonly clientId?: string },
  resource: string,
  context: FetchContext,
): Promise<Token> {
  const { IDENTITY_ENDPOINT: endpoint, IDENTITY_HEADER: key, IMDS_ENDPOINT: arc } = context.env;
  if (endpoint && !URL.canParse(endpoint)) throw badEnvironment('has an IDENTITY_ENDPOINT that is no address');
  if (endpoint && arc && !key) {
    if (clientId === undefined) return arcToken(endpoint, resource, context);
    throw badEnvironment('is that of Azure Arc, where no identity is user-assigned');
  }
  const { place, version, headers } = identityEndpoint(context);
  const url = new URL(place);
  url.searchParams.set('api-version', version);
  url.searchParams.set('resource', resource);
  if (clientId !== undefined) url.searchParams.set('client_id', clientId);
  return bearerToken(await requestJson({ url: url.href, headers }, context), url.href);
}

interface IdentityEndpoint {
  readonly place: string;
  readonly version: string;
  readonly headers: Readonly<Record<string, string>>;
}

function identityEndpoint({ env }: FetchContext): IdentityEndpoint {
  const { IDENTITY_ENDPOINT: place, IDENTITY_HEADER: key, AZURE_POD_IDENTITY_AUTHORITY_HOST: host } = env;
  if (place && key) return { place, version: '2019-08-01', headers: { 'x-identity-header': key } };
  const base = (host || METADATA_SERVICE).replace(/\/$/, '');
  return { place: `${base}/metadata/identity/oauth2/token`, version: '2018-02-01', headers: { metadata: 'true' } };
}

/** The token of the workload that the control plane is, to be exchanged. Errors: GatewayError. */
export async function workloadToken(context: FetchContext): Promise<string> {
  const path = context.env.AZURE_FEDERATED_TOKEN_FILE;
  if (!path) throw badEnvironment('has no AZURE_FEDERATED_TOKEN_FILE');
  return readSmallFile(path, context).catch(() => {
    throw badEnvironment('has an AZURE_FEDERATED_TOKEN_FILE that cannot be read');
  });
}
