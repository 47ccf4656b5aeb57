import type { TokenSource } from '../ir/index.ts';
import { awsToken } from './aws/aws.ts';
import { azureToken } from './azure.ts';
import type { FetchContext } from './fetch-context.ts';
import { gcpToken } from './gcp.ts';
import type { Token } from './token.ts';

/** Asks for a token. Errors: GatewayError, whose message holds no secret. */
export async function fetchToken(source: TokenSource, context: FetchContext): Promise<Token> {
  switch (source.kind) {
    case 'aws-keys':
    case 'aws-environment':
    case 'aws-web-identity':
    case 'aws-assume-role':
    case 'aws-process':
    case 'aws-sso':
    case 'aws-profile':
      return awsToken(source, context);
    case 'azure':
    case 'azure-managed':
      return azureToken(source, context);
    case 'gcp-service-account':
    case 'gcp-federation':
    case 'gcp-default':
      return gcpToken(source, context);
  }
}
