import type { AwsKeys, AwsPlace, AwsTokenSource } from '../../ir/index.ts';

/** How the keys of a profile are had, or why there are none: a problem names settings but never a value. */
export type AwsProfile = AwsTokenSource | { readonly kind: 'problem'; readonly problem: string };

type Section = ReadonlyMap<string, string>;
/** Profiles by name; the sign-ins of IAM Identity Center as `sso-session NAME`. */
export type AwsProfiles = ReadonlyMap<string, Section>;

const PLACES: readonly AwsPlace[] = ['Environment', 'Ec2InstanceMetadata', 'EcsContainer'];

/**
 * Reads a profile: keys; a role to take by another profile, which may take one itself; a token of a file; a program; a
 * sign-in. `region` is that of STS. Source: AWS SDKs and Tools, standardized credential providers.
 */
export function readAwsProfile(profiles: AwsProfiles, name: string, region: string): AwsProfile {
  return read({ profiles, region, visited: [] }, name);
}

interface Reading {
  readonly profiles: AwsProfiles;
  readonly region: string;
  /** Profiles on the way to this one. */
  readonly visited: readonly string[];
}

function read(reading: Reading, name: string): AwsProfile {
  const { profiles, region, visited } = reading;
  const profile = profiles.get(name);
  const at = `profile ${JSON.stringify(name)}`;
  if (!profile) return problem(`has no ${at}`);
  const keys = keysOf(profile);
  const isTaker = visited.length > 0;
  // A profile that takes a role itself gives its own keys to another one, where it has some.
  if (keys && isTaker) return { kind: 'aws-keys', keys };
  if (visited.includes(name)) return problem(`takes roles in a circle, by ${at}`);
  const roleArn = profile.get('role_arn');
  const tokenFile = profile.get('web_identity_token_file');
  if (roleArn !== undefined && (profile.has('source_profile') || profile.has('credential_source'))) {
    return readRole({ ...reading, visited: [...visited, name] }, profile, roleArn, at);
  }
  if (keys) return { kind: 'aws-keys', keys };
  if (roleArn !== undefined && tokenFile !== undefined) {
    const { externalId: _, ...session } = sessionOf(profile);
    return { kind: 'aws-web-identity', region, roleArn, subject: { tokenFile }, ...session };
  }
  if (roleArn !== undefined) {
    return problem(`has no source_profile, credential_source or web_identity_token_file for the role of ${at}`);
  }
  const command = profile.get('credential_process');
  if (command) return { kind: 'aws-process', command };
  if (profile.has('sso_session') || profile.has('sso_start_url')) return readSso(profiles, profile, at);
  return problem(`has no access key in ${at}`);
}

function readRole(reading: Reading, profile: Section, roleArn: string, at: string): AwsProfile {
  const [source, place] = [profile.get('source_profile'), profile.get('credential_source')];
  if (profile.has('mfa_serial')) return problem(`asks for a code that a person types (mfa_serial) in ${at}`);
  if (source !== undefined && place !== undefined) {
    return problem(`has both source_profile and credential_source in ${at}`);
  }
  const known = PLACES.find((one) => one === place);
  if (place !== undefined && known === undefined) {
    return problem(`has a credential_source in ${at} that is none of ${PLACES.join(', ')}`);
  }
  const base: AwsProfile = known ? { kind: 'aws-environment', place: known } : read(reading, source ?? '');
  if (base.kind === 'problem') return base;
  return { kind: 'aws-assume-role', region: reading.region, roleArn, base, ...sessionOf(profile) };
}

function readSso(profiles: AwsProfiles, profile: Section, at: string): AwsProfile {
  const name = profile.get('sso_session');
  const signIn = name === undefined ? profile : profiles.get(`sso-session ${name}`);
  if (!signIn) return problem(`has no [sso-session ${name}] for ${at}`);
  const session = name ?? profile.get('sso_start_url');
  const region = signIn.get('sso_region');
  const [accountId, roleName] = [profile.get('sso_account_id'), profile.get('sso_role_name')];
  if (!session || !region || !accountId || !roleName) {
    return problem(`lacks one of sso_region, sso_account_id and sso_role_name for ${at}`);
  }
  if (!/^[a-z0-9-]+$/.test(region)) return problem(`has an sso_region that is none for ${at}`);
  return { kind: 'aws-sso', session, region, accountId, roleName };
}

function sessionOf(profile: Section): { sessionName?: string; externalId?: string; durationSeconds?: number } {
  const [sessionName, externalId] = [profile.get('role_session_name'), profile.get('external_id')];
  const durationSeconds = Number(profile.get('duration_seconds') ?? Number.NaN);
  return {
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

/** The profiles of files, the later ones above the earlier ones; `[profile NAME]`, as in a config file, is `NAME`. */
export function parseAwsProfiles(...texts: readonly string[]): AwsProfiles {
  const profiles = new Map<string, Map<string, string>>();
  for (const text of texts) addProfiles(text, profiles);
  return profiles;
}

function addProfiles(text: string, profiles: Map<string, Map<string, string>>): void {
  let current: Map<string, string> | undefined;
  for (const line of text.split(/\r?\n/)) {
    const header = /^\s*\[\s*(?:profile\s+)?([^\]]*?)\s*\]/.exec(line);
    if (header) {
      const name = (header[1] ?? '').replace(/^(sso-session)\s+/, '$1 ');
      current = profiles.get(name) ?? new Map();
      profiles.set(name, current);
      continue;
    }
    // A comment may follow behind a blank; no key has one in it.
    const setting = /^\s*([^#;=\s][^=]*?)\s*=\s*(.*?)\s*$/.exec(line.replace(/\s[#;].*$/, ''));
    if (setting && current) current.set((setting[1] ?? '').toLowerCase(), setting[2] ?? '');
  }
}
