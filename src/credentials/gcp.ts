import type { GcpTokenSource } from '../ir/index.ts';
import type { FetchContext } from './fetch-context.ts';
import { defaultToken } from './gcp-default.ts';
import { exchangeToken, impersonatedToken, serviceAccountToken } from './gcp-grants.ts';
import { clientToken } from './oidc.ts';
import { type Token, tokenText } from './token.ts';

const JWT = 'urn:ietf:params:oauth:token-type:jwt';

/** An access token of Google Cloud. Errors: GatewayError. */
export async function gcpToken(source: GcpTokenSource, context: FetchContext): Promise<Token> {
  switch (source.kind) {
    case 'gcp-service-account':
      return serviceAccountToken(source, context);
    case 'gcp-default':
      return defaultToken(context);
    case 'gcp-federation': {
      const { audience, subject, impersonate } = source;
      const token = await clientToken(subject, context);
      const federated = await exchangeToken({ url: stsUrl(context), audience, token, type: JWT }, context);
      return impersonate === undefined
        ? federated
        : impersonatedToken(impersonationUrl(impersonate, context), tokenText(federated), context);
    }
  }
}

/** The places that gcloud can be told, too. */
function stsUrl({ env }: FetchContext): string {
  return `${(env.CLOUDSDK_API_ENDPOINT_OVERRIDES_STS || 'https://sts.googleapis.com').replace(/\/$/, '')}/v1/token`;
}

function impersonationUrl(account: string, { env }: FetchContext): string {
  const base = env.CLOUDSDK_API_ENDPOINT_OVERRIDES_IAMCREDENTIALS || 'https://iamcredentials.googleapis.com';
  // As Google's own libraries write it.
  const name = encodeURIComponent(account).replaceAll('%40', '@');
  return `${base.replace(/\/$/, '')}/v1/projects/-/serviceAccounts/${name}:generateAccessToken`;
}
