import type { AwsTokenSource } from '../../ir/index.ts';
import type { FetchContext } from '../fetch-context.ts';
import type { Token } from '../token.ts';
import { environmentKeys } from './environment.ts';
import { ownProfile } from './own-profile.ts';
import { processKeys } from './process.ts';
import { ssoKeys } from './sso.ts';
import { assumedRole, webIdentityRole } from './sts.ts';

/** Keys of AWS. Errors: GatewayError. Source: AWS SDKs and Tools, standardized credential providers. */
export async function awsToken(source: AwsTokenSource, context: FetchContext): Promise<Token> {
  switch (source.kind) {
    case 'aws-keys':
      return { secret: { kind: 'aws', ...source.keys }, expiresAtMs: Number.POSITIVE_INFINITY };
    case 'aws-environment':
      return environmentKeys(source.place, context);
    case 'aws-web-identity':
      return webIdentityRole(source, context);
    case 'aws-assume-role':
      return assumedRole(source, await awsToken(source.base, context), context);
    case 'aws-process':
      return processKeys(source.command, context);
    case 'aws-sso':
      return ssoKeys(source, context);
    case 'aws-profile':
      return awsToken(await ownProfile(source, context), context);
  }
}
