import type { TokenSource } from '../ir/index.ts';

const PROOFS = {
  secret: 'client secret',
  federated: 'federated credential',
  workload: 'workload identity',
} as const;

/** How a token is had, for people. It names who asks whom, and holds no secret. */
export function describeSource(source: TokenSource): string {
  switch (source.kind) {
    case 'aws-keys':
      return 'AWS keys of a profile';
    case 'aws-environment':
      return `AWS ${source.place}`;
    case 'aws-web-identity':
      return `AWS STS web identity, ${source.roleArn}`;
    case 'aws-assume-role':
      return source.base.kind === 'aws-keys'
        ? `AWS STS role, ${source.roleArn}`
        : `AWS STS role, ${source.roleArn}, by ${describeSource(source.base)}`;
    case 'aws-process':
      return 'AWS credential_process';
    case 'aws-sso':
      return `AWS IAM Identity Center, account ${source.accountId}, role ${source.roleName}`;
    case 'aws-profile':
      return `AWS profile ${source.profile} of the control plane`;
    case 'azure':
      return `Entra ID ${PROOFS[source.proof.kind]}, client ${source.clientId}`;
    case 'azure-managed':
      return `Azure managed identity${source.clientId === undefined ? '' : `, client ${source.clientId}`}`;
    case 'gcp-service-account':
      return `Google service account key, ${source.clientEmail}`;
    case 'gcp-federation':
      return `Google workload identity federation${source.impersonate === undefined ? '' : `, ${source.impersonate}`}`;
    case 'gcp-default':
      return 'Google application default credentials';
  }
}
