import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { AwsTokenSource } from '../../ir/index.ts';
import { GatewayError } from '../../lib/errors.ts';
import { parseAwsProfiles, readAwsProfile } from '../../providers/index.ts';
import type { FetchContext } from '../fetch-context.ts';

/**
 * A profile of the AWS files of the control plane, as they are now. Errors: GatewayError.
 * Source: AWS SDKs and Tools, shared config and credentials files.
 */
export async function ownProfile(
  { profile, region }: Extract<AwsTokenSource, { kind: 'aws-profile' }>,
  { env, signal }: FetchContext,
): Promise<AwsTokenSource> {
  const read = (named: string | undefined, usual: string): Promise<string> => {
    const path = named || (env.HOME && join(env.HOME, '.aws', usual));
    return path ? readFile(path, { encoding: 'utf8', signal }).catch(() => '') : Promise.resolve('');
  };
  // Keys of the credentials file stand above those of the config file.
  const config = await read(env.AWS_CONFIG_FILE, 'config');
  const credentials = await read(env.AWS_SHARED_CREDENTIALS_FILE, 'credentials');
  const found = readAwsProfile(parseAwsProfiles(config, credentials), profile, region);
  if (found.kind !== 'problem') return found;
  throw new GatewayError('invalid_input', `the AWS configuration of the control plane ${found.problem}`);
}
