import type { TokenSource } from '../ir/index.ts';
import { awsToken } from './aws.ts';
import { azureToken } from './azure.ts';
import type { FetchContext } from './fetch-context.ts';
import { gcpToken } from './gcp.ts';
import type { Token } from './token.ts';

/** Asks for a token. Errors: GatewayError, whose message holds no secret. */
export async function fetchToken(source: TokenSource, context: FetchContext): Promise<Token> {
  switch (source.kind) {
    case 'aws-web-identity':
    case 'aws-assume-role':
      return awsToken(source, context);
    case 'azure':
      return azureToken(source, context);
    case 'gcp-service-account':
    case 'gcp-federation':
    case 'gcp-default':
      return gcpToken(source, context);
  }
}
