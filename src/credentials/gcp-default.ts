/**
 * Application Default Credentials: what the environment of this process gives for Google Cloud. A file that
 * GOOGLE_APPLICATION_CREDENTIALS names, the one that `gcloud` leaves, or the metadata server.
 * Source: Google Cloud, "How Application Default Credentials works"; AIP-4110, AIP-4117.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { GatewayError } from '../lib/errors.ts';
import type { FetchContext } from './fetch-context.ts';
import { exchangeToken, impersonatedToken, serviceAccountToken } from './gcp-grants.ts';
import { isRecord, parseJson } from './json.ts';
import { failure, refusal, requestJson, send } from './request.ts';
import { bearerToken, type Token, tokenText } from './token.ts';

type Json = Readonly<Record<string, unknown>>;

const TOKEN_URI = 'https://oauth2.googleapis.com/token';

/** A token for who this process is. Errors: GatewayError. */
export async function defaultToken(context: FetchContext): Promise<Token> {
  const named = context.env.GOOGLE_APPLICATION_CREDENTIALS;
  const text = named ? await readNamed(named, context) : await readWellKnown(context);
  if (text === undefined) return metadataToken(context);
  const file = parseJson(text);
  if (!isRecord(file)) throw invalid('is not a JSON object');
  if (file.type !== 'impersonated_service_account') return fileToken(file, context);
  // Who acts as another account is itself one of the other kinds.
  const source = isRecord(file.source_credentials) ? file.source_credentials : {};
  const token = tokenText(await fileToken(source, context));
  const delegates = Array.isArray(file.delegates) ? file.delegates.map(String) : undefined;
  return impersonatedToken(urlOf(file, 'service_account_impersonation_url'), token, context, delegates);
}

async function fileToken(file: Json, context: FetchContext): Promise<Token> {
  switch (file.type) {
    case 'service_account':
      return serviceAccountToken(
        {
          kind: 'gcp-service-account',
          clientEmail: textOf(file, 'client_email'),
          privateKey: textOf(file, 'private_key'),
          ...(typeof file.private_key_id === 'string' && { privateKeyId: file.private_key_id }),
          tokenUri: tokenUri(file),
        },
        context,
      );
    case 'authorized_user':
      return userToken(file, context);
    case 'external_account':
      return externalToken(file, context);
    default:
      throw invalid('has a type that is not supported');
  }
}

async function readNamed(path: string, { signal }: FetchContext): Promise<string> {
  try {
    return await readFile(path, { encoding: 'utf8', signal });
  } catch {
    throw invalid('cannot be read (GOOGLE_APPLICATION_CREDENTIALS)');
  }
}

async function readWellKnown({ env, signal }: FetchContext): Promise<string | undefined> {
  const folder = env.CLOUDSDK_CONFIG || (env.HOME ? join(env.HOME, '.config', 'gcloud') : undefined);
  if (folder === undefined) return undefined;
  const path = join(folder, 'application_default_credentials.json');
  return readFile(path, { encoding: 'utf8', signal }).catch(() => undefined);
}

async function metadataToken(context: FetchContext): Promise<Token> {
  const host = context.env.GCE_METADATA_HOST || 'metadata.google.internal';
  const url = `http://${host}/computeMetadata/v1/instance/service-accounts/default/token`;
  const answer = await send({ url, headers: { 'metadata-flavor': 'Google' } }, context);
  if (answer.status !== 200) throw refusal(url, answer);
  // Whoever else answers to this name is not the metadata server.
  if (answer.headers.get('metadata-flavor') !== 'Google') throw failure(url, 'is not the metadata server');
  return bearerToken(parseJson(answer.text), url);
}

function tokenUri(file: Json): string {
  return typeof file.token_uri === 'string' ? urlOf(file, 'token_uri') : TOKEN_URI;
}

async function userToken(file: Json, context: FetchContext): Promise<Token> {
  const url = tokenUri(file);
  const form = {
    grant_type: 'refresh_token',
    client_id: textOf(file, 'client_id'),
    client_secret: textOf(file, 'client_secret'),
    refresh_token: textOf(file, 'refresh_token'),
  };
  return bearerToken(await requestJson({ url, form }, context), url);
}

async function externalToken(file: Json, context: FetchContext): Promise<Token> {
  const source = isRecord(file.credential_source) ? file.credential_source : {};
  const federated = await exchangeToken(
    {
      url: urlOf(file, 'token_url'),
      audience: textOf(file, 'audience'),
      token: await subjectToken(source, context),
      type: textOf(file, 'subject_token_type'),
    },
    context,
  );
  if (file.service_account_impersonation_url === undefined) return federated;
  return impersonatedToken(urlOf(file, 'service_account_impersonation_url'), tokenText(federated), context);
}

/** The token of somebody else that a file or an address gives, as text or under a field of a JSON object. */
async function subjectToken(source: Json, context: FetchContext): Promise<string> {
  const text = await subjectText(source, context);
  const format = isRecord(source.format) ? source.format : {};
  if (format.type !== 'json') return text.trim();
  const fields = parseJson(text);
  return textOf(isRecord(fields) ? fields : {}, String(format.subject_token_field_name));
}

async function subjectText({ file, url, headers }: Json, context: FetchContext): Promise<string> {
  if (typeof file === 'string') {
    return readFile(file, { encoding: 'utf8', signal: context.signal }).catch(() => {
      throw invalid('names a token file that cannot be read');
    });
  }
  if (typeof url !== 'string' || !URL.canParse(url)) throw invalid('has a credential_source that is not supported');
  const answer = await send({ url, headers: isRecord(headers) ? (headers as Record<string, string>) : {} }, context);
  if (answer.status !== 200) throw refusal(url, answer);
  return answer.text;
}

function textOf(file: Json, field: string): string {
  const value = file[field];
  if (typeof value !== 'string' || value === '') throw invalid(`lacks ${field}`);
  return value;
}

function urlOf(file: Json, field: string): string {
  const url = textOf(file, field);
  if (!URL.canParse(url)) throw invalid(`has no address in ${field}`);
  return url;
}

function invalid(what: string): GatewayError {
  return new GatewayError('invalid_input', `the file of the default credentials ${what}`);
}
