/**
 * Strict fakes, on one port, of what gives tokens of managed identities: the metadata service of machines, the endpoint of
 * apps, and the agent of Azure Arc. Source: Azure, "How to use managed identities to acquire an access token"; App
 * Service, the same; Azure Arc, "Authenticate against Azure resources".
 */
import { type Answer, jsonAnswer } from '../answer.ts';
import { type Fake, type FakeOptions, startFake } from '../fake.ts';
import type { RecordedRequest } from '../recorded.ts';
import { Issued, oauthRefusal } from './issued.ts';

export interface AzureIdentity {
  readonly fake: Fake;
  readonly issued: Issued;
  /** The file that the agent of Azure Arc asks for, and what has to be in it. */
  readonly arc: { path: string; key: string };
}

/** An identity that is assigned beside that of the system. */
export const ASSIGNED = '99999999-aaaa-bbbb-cccc-dddddddddddd';
export const ARC_PATH = '/arc/identity/oauth2/token';
export const APP = { path: '/msi/token', key: 'app~identity~header' } as const;

const RESOURCE = 'https://cognitiveservices.azure.com';

export async function startAzureIdentity(options: FakeOptions = {}): Promise<AzureIdentity> {
  const issued = new Issued('eyJ0.managed');
  const arc = { path: '/var/opt/azcmagent/tokens/1.key', key: 'arc-key' };
  const fake = await startFake(
    {
      kind: 'azure-identity',
      ownsCredential: () => true,
      errorBody: (_, message) => ({ error: 'server_error', error_description: message }),
      answer: (request): Answer => {
        if (request.pathname === '/metadata/identity/oauth2/token') return machine(request, issued);
        if (request.pathname === ARC_PATH) return agent(request, arc, issued);
        return request.pathname === APP.path ? app(request, issued) : jsonAnswer(404, { error: 'not_found' });
      },
    },
    options,
  );
  return { fake, issued, arc };
}

function machine(request: RecordedRequest, issued: Issued): Answer {
  if (request.headers.metadata !== 'true' || request.headers['x-forwarded-for'] !== undefined) {
    throw oauthRefusal(400, 'invalid_request', 'Required metadata header not specified');
  }
  const client = identity(request, '2018-02-01');
  const seconds = issued.settings.lifetimeS;
  const ends = Math.floor(issued.nowMs / 1000 + seconds);
  // The numbers are texts.
  const times = { expires_in: `${seconds}`, ext_expires_in: `${seconds}`, expires_on: `${ends}`, not_before: '0' };
  return jsonAnswer(200, { ...times, ...token(issued, client) });
}

function agent(request: RecordedRequest, { path, key }: AzureIdentity['arc'], issued: Issued): Answer {
  if (request.headers.metadata !== 'true') throw oauthRefusal(400, 'invalid_request', 'metadata');
  const client = identity(request, '2019-11-01');
  if (client !== undefined) throw oauthRefusal(400, 'invalid_request', 'Identity not found');
  if (request.headers.authorization !== `Basic ${key}`) {
    const asks = jsonAnswer(401, {
      error: 'unauthorized_client',
      error_description: 'Missing Basic Authorization header',
    });
    return { ...asks, headers: { ...asks.headers, 'www-authenticate': `Basic realm=${path}` } };
  }
  return jsonAnswer(200, { expires_in: `${issued.settings.lifetimeS}`, ...token(issued) });
}

function app(request: RecordedRequest, issued: Issued): Answer {
  const key = request.headers['x-identity-header'];
  if (key !== APP.key) return jsonAnswer(401, { statusCode: 401, message: `not ${key}` });
  const client = identity(request, '2019-08-01');
  const ends = Math.floor(issued.nowMs / 1000 + issued.settings.lifetimeS);
  return jsonAnswer(200, { expires_on: `${ends}`, ...token(issued, client) });
}

function identity(request: RecordedRequest, version: string): string | undefined {
  const query = new URL(request.path, 'http://identity').searchParams;
  if (request.method !== 'GET') throw oauthRefusal(405, 'invalid_request', request.method);
  if (query.get('api-version') !== version) throw oauthRefusal(400, 'invalid_request', 'api-version');
  if (query.get('resource') !== RESOURCE) throw oauthRefusal(400, 'invalid_resource', `${query.get('resource')}`);
  for (const name of query.keys()) {
    if (!['api-version', 'resource', 'client_id'].includes(name)) throw oauthRefusal(400, 'invalid_request', name);
  }
  const client = query.get('client_id') ?? undefined;
  if (client !== undefined && client !== ASSIGNED) throw oauthRefusal(400, 'invalid_request', 'Identity not found');
  return client;
}

function token(issued: Issued, client = 'system'): object {
  return { access_token: issued.next(), resource: RESOURCE, token_type: 'Bearer', client_id: client };
}
