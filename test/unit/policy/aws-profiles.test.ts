import { expect } from 'chai';
import { readAwsProfile } from '../../../src/policy/backends/aws-profiles.ts';

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
[sso]
sso_session = s
`;

describe('policy: profiles of AWS credentials files', () => {
  const read = (name: string) => readAwsProfile(FILE, name);

  it('give keys, with or without a token of their session', () => {
    expect(read('default')).to.eql({
      kind: 'keys',
      keys: { accessKeyId: 'AKIADEFAULT', secretAccessKey: 'secret/with+and=signs' },
    });
    expect(read('session')).to.eql({
      kind: 'keys',
      keys: { accessKeyId: 'ASIA', secretAccessKey: 'secret', sessionToken: 'token==' },
    });
    expect(read('spaced')).to.have.property('kind', 'keys');
  });

  it('give a role to take with the keys of a profile, also of their own', () => {
    expect(read('role')).to.eql({
      kind: 'role',
      keys: { accessKeyId: 'AKIADEFAULT', secretAccessKey: 'secret/with+and=signs' },
      roleArn: ROLE,
      sessionName: 'name',
      externalId: 'ext',
      durationSeconds: 900,
    });
    expect(read('self')).to.have.nested.property('keys.accessKeyId', 'AKIASELF');
  });

  it('say what is wrong with them, and show no value', () => {
    const problems = {
      none: 'has no profile "none"',
      chain: 'has a source_profile that takes a role itself in profile "chain"',
      lost: 'has no source_profile with an access key in profile "lost"',
      half: 'has no access key in profile "half"',
      sso: 'has no access key in profile "sso"',
    };
    for (const [name, problem] of Object.entries(problems)) expect(read(name)).to.eql({ kind: 'problem', problem });
    expect(readAwsProfile('', 'default')).to.eql({ kind: 'problem', problem: 'has no profile "default"' });
    expect(readAwsProfile('aws_access_key_id = x', 'default')).to.have.property('kind', 'problem');
  });
});
