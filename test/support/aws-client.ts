/** Sends signed requests to a fake of AWS. */
import { type SigningIdentity, signAws } from './aws-signer.ts';
import { type ClientResponse, request } from './client.ts';

/** What to send; `body` is JSON unless it is text. */
export interface AwsRequest {
  readonly port: number;
  readonly path: string;
  readonly body: unknown;
  readonly credentials: SigningIdentity;
  readonly region?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** Signs for Bedrock and sends. */
export async function postSigned(options: AwsRequest): Promise<ClientResponse> {
  const { port, path, credentials } = options;
  const body = typeof options.body === 'string' ? options.body : JSON.stringify(options.body);
  const host = `127.0.0.1:${port}`;
  const headers = { 'content-type': 'application/json', ...options.headers };
  const scope = { region: options.region ?? 'us-east-1', service: 'bedrock' };
  const signed = await signAws({ method: 'POST', host, path, headers, body }, credentials, scope);
  const { host: _sentAnyway, ...rest } = signed;
  return request({ port, path, method: 'POST', headers: rest, body });
}
