import type { AwsKeys } from '../../ir/index.ts';

/** What a profile of a credentials file gives: keys, or a role to take with the keys of another profile. */
export type AwsProfile =
  | { readonly kind: 'keys'; readonly keys: AwsKeys }
  | {
      readonly kind: 'role';
      readonly keys: AwsKeys;
      readonly roleArn: string;
      readonly sessionName?: string;
      readonly externalId?: string;
      readonly durationSeconds?: number;
    }
  | { readonly kind: 'problem'; readonly problem: string };

type Section = ReadonlyMap<string, string>;

/**
 * Reads a profile of an AWS credentials file. Errors: a problem, which names settings but never a value.
 * Source: AWS SDKs and Tools, shared config and credentials files.
 */
export function readAwsProfile(text: string, name: string): AwsProfile {
  const profiles = parseProfiles(text);
  const profile = profiles.get(name);
  if (!profile) return problem(`has no profile ${JSON.stringify(name)}`);
  const roleArn = profile.get('role_arn');
  if (roleArn === undefined) {
    const keys = keysOf(profile);
    return keys ? { kind: 'keys', keys } : problem(`has no access key in profile ${JSON.stringify(name)}`);
  }
  const source = profile.get('source_profile');
  const base = source === undefined ? undefined : profiles.get(source);
  if (base !== profile && base?.has('role_arn')) {
    return problem(`has a source_profile that takes a role itself in profile ${JSON.stringify(name)}`);
  }
  const keys = base && keysOf(base);
  if (!keys) return problem(`has no source_profile with an access key in profile ${JSON.stringify(name)}`);
  const [sessionName, externalId] = [profile.get('role_session_name'), profile.get('external_id')];
  const durationSeconds = Number(profile.get('duration_seconds') ?? Number.NaN);
  return {
    kind: 'role',
    keys,
    roleArn,
    ...(sessionName !== undefined && { sessionName }),
    ...(externalId !== undefined && { externalId }),
    ...(Number.isInteger(durationSeconds) && { durationSeconds }),
  };
}

function problem(text: string): AwsProfile {
  return { kind: 'problem', problem: text };
}

function keysOf(profile: Section): AwsKeys | undefined {
  const accessKeyId = profile.get('aws_access_key_id');
  const secretAccessKey = profile.get('aws_secret_access_key');
  const sessionToken = profile.get('aws_session_token');
  if (!accessKeyId || !secretAccessKey) return undefined;
  return { accessKeyId, secretAccessKey, ...(sessionToken && { sessionToken }) };
}

/** Profiles by name; `[profile NAME]`, as in a config file, is `NAME`. */
function parseProfiles(text: string): Map<string, Map<string, string>> {
  const profiles = new Map<string, Map<string, string>>();
  let current: Map<string, string> | undefined;
  for (const line of text.split(/\r?\n/)) {
    const header = /^\s*\[\s*(?:profile\s+)?([^\]]*?)\s*\]/.exec(line);
    if (header) {
      const name = header[1] ?? '';
      current = profiles.get(name) ?? new Map();
      profiles.set(name, current);
      continue;
    }
    // A comment may follow behind a blank; no key has one in it.
    const setting = /^\s*([^#;=\s][^=]*?)\s*=\s*(.*?)\s*$/.exec(line.replace(/\s[#;].*$/, ''));
    if (setting && current) current.set((setting[1] ?? '').toLowerCase(), setting[2] ?? '');
  }
  return profiles;
}
