/** A strict fake of Entra ID's token endpoint. Source: Microsoft identity platform, OAuth 2.0 client credentials flow. */
import { type Answer, jsonAnswer, Refusal } from '../answer.ts';
import { type Fake, type FakeOptions, startFake } from '../fake.ts';
import type { RecordedRequest } from '../recorded.ts';
import { formOf, Issued } from './issued.ts';

export interface EntraOptions extends FakeOptions {
  /** Whether a federated token is good; default any that an identity provider fake gives out. */
  readonly trusts?: (assertion: string) => boolean;
  readonly scope?: string;
}

export interface Entra {
  readonly fake: Fake;
  readonly issued: Issued;
}

export const ENTRA_CLIENT = {
  tenantId: '11111111-2222-3333-4444-555555555555',
  clientId: '66666666-7777-8888-9999-000000000000',
  clientSecret: 'entra~secret&with=signs',
} as const;

const JWT_BEARER = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer';

/** Starts a fake of Entra ID with one application. */
export async function startEntra(options: EntraOptions = {}): Promise<Entra> {
  const issued = new Issued('eyJ0.entra');
  const fake = await startFake(
    {
      kind: 'entra',
      ownsCredential: () => false,
      errorBody: (status, message) => ({ error: 'temporarily_unavailable', error_description: message, status }),
      answer: (request) => grant(request, options, issued),
    },
    options,
  );
  return { fake, issued };
}

function grant(request: RecordedRequest, options: EntraOptions, issued: Issued): Answer {
  const [, tenant] = /^\/([^/]+)\/oauth2\/v2\.0\/token$/.exec(request.pathname) ?? [];
  if (tenant === undefined) return jsonAnswer(404, {});
  const form = formOf(request, (why) => refusal(400, 'invalid_request', 900144, why));
  if (tenant !== ENTRA_CLIENT.tenantId) throw refusal(400, 'invalid_request', 90002, `Tenant '${tenant}' not found.`);
  if (form.get('grant_type') !== 'client_credentials') {
    throw refusal(400, 'unsupported_grant_type', 70003, `The app requested '${form.get('grant_type')}'`);
  }
  if (form.get('client_id') !== ENTRA_CLIENT.clientId) {
    throw refusal(400, 'unauthorized_client', 700016, `Application '${form.get('client_id')}' was not found`);
  }
  requireProof(form, options);
  if (form.get('scope') !== (options.scope ?? 'https://cognitiveservices.azure.com/.default')) {
    throw refusal(400, 'invalid_scope', 1002012, `The provided value for scope ${form.get('scope')} is not valid.`);
  }
  const seconds = issued.settings.lifetimeS;
  return jsonAnswer(200, {
    token_type: 'Bearer',
    expires_in: seconds,
    ext_expires_in: seconds,
    access_token: issued.next(),
  });
}

function requireProof(form: ReadonlyMap<string, string>, { trusts }: EntraOptions): void {
  const [secret, assertion] = [form.get('client_secret'), form.get('client_assertion')];
  if (secret !== undefined && assertion === undefined) {
    if (secret === ENTRA_CLIENT.clientSecret) return;
    throw refusal(401, 'invalid_client', 7000215, `Invalid client secret provided: ${secret}`);
  }
  if (assertion === undefined || secret !== undefined) {
    throw refusal(401, 'invalid_client', 7000216, "'client_assertion', 'client_secret' or 'request' is required");
  }
  if (form.get('client_assertion_type') !== JWT_BEARER) {
    throw refusal(400, 'invalid_request', 900144, 'client_assertion_type');
  }
  const isGood = trusts ?? ((text: string) => text.startsWith('id-token-'));
  if (!isGood(assertion)) throw refusal(401, 'invalid_client', 700211, `No matching federated identity: ${assertion}`);
}

/** The description begins with the code that says what is wrong. */
function refusal(status: number, error: string, code: number, text: string): Refusal {
  return new Refusal(
    jsonAnswer(status, {
      error,
      error_description: `AADSTS${code}: ${text} Trace ID: 1 Correlation ID: 2`,
      error_codes: [code],
      timestamp: '2026-01-01 00:00:00Z',
      trace_id: '1',
      correlation_id: '2',
      error_uri: `https://login.microsoftonline.com/error?code=${code}`,
    }),
  );
}
