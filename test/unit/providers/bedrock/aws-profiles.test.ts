import { expect } from 'chai';
import { parseAwsProfiles, readAwsProfile } from '../../../../src/providers/index.ts';

const ROLE = 'arn:aws:iam::123456789012:role/models';
const FILE = `
# comment
[default]
aws_access_key_id = AKIADEFAULT ; the first
AWS_SECRET_ACCESS_KEY=secret/with+and=signs

[profile session]\r
  aws_access_key_id = ASIA\r
aws_secret_access_key = secret\r
aws_session_token = token== # ends soon
[ spaced ]
aws_access_key_id = AKIASPACED
aws_secret_access_key = secret
[role]
role_arn = ${ROLE}
source_profile = default
external_id = ext
role_session_name = name
duration_seconds = 900
[self]
role_arn = ${ROLE}
source_profile = self
aws_access_key_id = AKIASELF
aws_secret_access_key = secret
[chain]
role_arn = ${ROLE}
source_profile = role
[lost]
role_arn = ${ROLE}
source_profile = nowhere
[half]
aws_access_key_id = AKIAHALF
aws_secret_access_key =
[keyed]
role_arn = ${ROLE}
source_profile = default
aws_access_key_id = AKIAKEYED
aws_secret_access_key = secret
[of-keyed]
role_arn = ${ROLE}
source_profile = keyed
[ring]
role_arn = ${ROLE}
source_profile = ring-2
[ring-2]
role_arn = ${ROLE}
source_profile = ring
[instance]
role_arn = ${ROLE}
credential_source = Ec2InstanceMetadata
[elsewhere]
role_arn = ${ROLE}
credential_source = Moon
[both]
role_arn = ${ROLE}
source_profile = default
credential_source = Environment
[mfa]
role_arn = ${ROLE}
source_profile = default
mfa_serial = arn:aws:iam::123456789012:mfa/me
[alone]
role_arn = ${ROLE}
[web]
role_arn = ${ROLE}
role_session_name = pod
web_identity_token_file = /var/run/token
[of-web]
role_arn = ${ROLE}
source_profile = web
[program]
credential_process = "/opt/my keys" --for 'models'
[profile sso]
sso_session = company
sso_account_id = 123456789012
sso_role_name = Models
[sso-session   company]
sso_start_url = https://company.awsapps.com/start
sso_region = eu-west-1
[old-sso]
sso_start_url = https://old.awsapps.com/start
sso_region = us-east-1
sso_account_id = 123456789012
sso_role_name = Models
[lost-sso]
sso_session = gone
[half-sso]
sso_session = company
`;
const REGION = 'us-west-2';
const DEFAULT = {
  kind: 'aws-keys',
  keys: { accessKeyId: 'AKIADEFAULT', secretAccessKey: 'secret/with+and=signs' },
};

describe('providers: profiles of AWS credentials files', () => {
  const read = (name: string) => readAwsProfile(parseAwsProfiles(FILE), name, REGION);

  it('give keys, with or without a token of their session', () => {
    expect(read('default')).to.eql(DEFAULT);
    expect(read('session')).to.eql({
      kind: 'aws-keys',
      keys: { accessKeyId: 'ASIA', secretAccessKey: 'secret', sessionToken: 'token==' },
    });
    expect(read('spaced')).to.have.property('kind', 'aws-keys');
  });

  it('give a role to take with the keys of a profile, also of their own', () => {
    expect(read('role')).to.eql({
      kind: 'aws-assume-role',
      region: REGION,
      roleArn: ROLE,
      sessionName: 'name',
      externalId: 'ext',
      durationSeconds: 900,
      base: DEFAULT,
    });
    expect(read('self')).to.have.nested.property('base.keys.accessKeyId', 'AKIASELF');
  });

  it('give chains of roles, up to the first that has keys', () => {
    expect(read('chain')).to.eql({ kind: 'aws-assume-role', region: REGION, roleArn: ROLE, base: read('role') });
    expect(read('of-keyed')).to.have.nested.property('base.keys.accessKeyId', 'AKIAKEYED');
  });

  it('give the place, the file, the program or the sign-in that keys come from', () => {
    expect(read('instance')).to.have.deep.property('base', { kind: 'aws-environment', place: 'Ec2InstanceMetadata' });
    const web = {
      kind: 'aws-web-identity',
      region: REGION,
      roleArn: ROLE,
      subject: { tokenFile: '/var/run/token' },
      sessionName: 'pod',
    };
    expect(read('web')).to.eql(web);
    expect(read('of-web')).to.have.deep.property('base', web);
    expect(read('program')).to.eql({ kind: 'aws-process', command: `"/opt/my keys" --for 'models'` });
    const account = { kind: 'aws-sso', accountId: '123456789012', roleName: 'Models' };
    expect(read('sso')).to.eql({ ...account, session: 'company', region: 'eu-west-1' });
    expect(read('old-sso')).to.eql({ ...account, session: 'https://old.awsapps.com/start', region: 'us-east-1' });
  });

  it('are put together of two files, the later one above the earlier one', () => {
    const later = '[default]\naws_access_key_id = AKIALATER\n';
    const read = readAwsProfile(parseAwsProfiles(FILE, later), 'default', REGION);
    expect(read).to.have.deep.property('keys', { ...DEFAULT.keys, accessKeyId: 'AKIALATER' });
  });

  it('say what is wrong with them, and show no value', () => {
    const problems = {
      none: 'has no profile "none"',
      ring: 'takes roles in a circle, by profile "ring"',
      lost: 'has no profile "nowhere"',
      half: 'has no access key in profile "half"',
      elsewhere:
        'has a credential_source in profile "elsewhere" that is none of Environment, Ec2InstanceMetadata, EcsContainer',
      both: 'has both source_profile and credential_source in profile "both"',
      mfa: 'asks for a code that a person types (mfa_serial) in profile "mfa"',
      alone: 'has no source_profile, credential_source or web_identity_token_file for the role of profile "alone"',
      'lost-sso': 'has no [sso-session gone] for profile "lost-sso"',
      'half-sso': 'lacks one of sso_region, sso_account_id and sso_role_name for profile "half-sso"',
    };
    for (const [name, problem] of Object.entries(problems)) expect(read(name)).to.eql({ kind: 'problem', problem });
    for (const text of ['', 'aws_access_key_id = x']) {
      expect(readAwsProfile(parseAwsProfiles(text), 'default', REGION)).to.eql({
        kind: 'problem',
        problem: 'has no profile "default"',
      });
    }
  });
});
