import type { TokenSource } from '../ir/index.ts';

/** How a token is had, for people. It names who asks whom, and holds no secret. */
export function describeSource(source: TokenSource): string {
  switch (source.kind) {
    case 'aws-web-identity':
      return `AWS STS web identity, ${source.roleArn}`;
    case 'aws-assume-role':
      return `AWS STS role, ${source.roleArn}`;
    case 'azure':
      return source.proof.kind === 'secret'
        ? `Entra ID client secret, client ${source.clientId}`
        : `Entra ID federated credential, client ${source.clientId}`;
    case 'gcp-service-account':
      return `Google service account key, ${source.clientEmail}`;
    case 'gcp-federation':
      return `Google workload identity federation${source.impersonate === undefined ? '' : `, ${source.impersonate}`}`;
    case 'gcp-default':
      return 'Google application default credentials';
  }
}
