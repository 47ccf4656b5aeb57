import type { AzureTokenSource } from '../ir/index.ts';
import { managedToken, workloadToken } from './azure-environment.ts';
import type { FetchContext } from './fetch-context.ts';
import { clientToken } from './oidc.ts';
import { requestJson } from './request.ts';
import { bearerToken, type Token } from './token.ts';

const AUTHORITY = 'https://login.microsoftonline.com';
/** The models of a cloud are named as its authority is. Source: Azure, "Compare Azure Government and global Azure". */
const RESOURCES: Readonly<Record<string, string>> = {
  'login.microsoftonline.us': 'https://cognitiveservices.azure.us',
  'login.chinacloudapi.cn': 'https://cognitiveservices.azure.cn',
  'login.partner.microsoftonline.cn': 'https://cognitiveservices.azure.cn',
};
const RESOURCE = 'https://cognitiveservices.azure.com';

/**
 * An access token of Entra ID for Azure's models. Errors: GatewayError.
 * Source: Microsoft identity platform, client credentials grant with a secret or a federated credential.
 */
export async function azureToken(source: AzureTokenSource, context: FetchContext): Promise<Token> {
  const authority = (context.env.AZURE_AUTHORITY_HOST || AUTHORITY).replace(/\/$/, '');
  const resource = RESOURCES[new URL(authority).host] ?? RESOURCE;
  if (source.kind === 'azure-managed') return managedToken(source, resource, context);
  const { tenantId, clientId, proof } = source;
  const url = `${authority}/${encodeURIComponent(tenantId)}/oauth2/v2.0/token`;
  const secret =
    proof.kind === 'secret'
      ? { client_secret: proof.clientSecret }
      : {
          client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
          client_assertion:
            proof.kind === 'federated' ? await clientToken(proof.subject, context) : await workloadToken(context),
        };
  const form = { grant_type: 'client_credentials', client_id: clientId, scope: `${resource}/.default`, ...secret };
  return bearerToken(await requestJson({ url, form }, context), url);
}
