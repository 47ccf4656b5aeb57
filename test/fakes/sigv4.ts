/** A strict check of AWS Signature Version 4, with the errors of AWS. Source: AWS General Reference, "Signing AWS API requests". */
import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import { type AwsError, awsError } from './aws-error.ts';

/** What the check needs of a request, as it came over the wire. */
export interface SignedRequest {
  readonly method: string;
  /** The request target as sent, query included. */
  readonly path: string;
  readonly rawHeaders: readonly (readonly [string, string])[];
}

/** The credentials that AWS knows for the access key, and the place that checks the signature. */
export interface SigV4Expectation {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  /** Temporary credentials: the token must come along. */
  readonly sessionToken?: string;
  /** Temporary credentials end here, in milliseconds since the epoch. */
  readonly expiresAtMs?: number;
  readonly region: string;
  readonly service: string;
  /** The clock of AWS; default the real one. */
  readonly nowMs?: number;
}

const ALGORITHM = 'AWS4-HMAC-SHA256';
const SKEW_MS = 5 * 60_000;

/** The access key that signed a request, or undefined when no signature names one. */
export function accessKeyOf(request: SignedRequest): string | undefined {
  return /^AWS4-HMAC-SHA256 .*?Credential=([^/,\s]+)\//.exec(headerOf(request, 'authorization') ?? '')?.[1];
}

/** Checks a signature; undefined when AWS would accept the request. */
export function verifySigV4(request: SignedRequest, body: Buffer, expectation: SigV4Expectation): AwsError | undefined {
  const authorization = headerOf(request, 'authorization');
  if (authorization === undefined) {
    return awsError(403, 'MissingAuthenticationTokenException', 'Missing Authentication Token');
  }
  const parts = authorizationParts(authorization);
  if (typeof parts === 'string') return awsError(403, 'IncompleteSignatureException', parts);
  return (
    scopeProblem(parts, expectation) ??
    tokenProblem(request, parts, expectation) ??
    dateProblem(request, parts, expectation.nowMs ?? Date.now()) ??
    coverageProblem(request, parts) ??
    signatureProblem(request, body, parts, expectation)
  );
}

interface Parts {
  readonly accessKeyId: string;
  readonly date: string;
  readonly region: string;
  readonly service: string;
  readonly signedHeaders: readonly string[];
  readonly signature: string;
}

/** The parts of the header, or what is wrong with it. */
function authorizationParts(header: string): Parts | string {
  if (!header.startsWith(`${ALGORITHM} `)) {
    return `Unsupported AWS 'algorithm': '${header.split(' ')[0]}'.`;
  }
  const pairs = new Map<string, string>();
  for (const pair of header.slice(ALGORITHM.length + 1).split(',')) {
    const at = pair.indexOf('=');
    if (at > 0) pairs.set(pair.slice(0, at).trim(), pair.slice(at + 1).trim());
  }
  for (const name of ['Credential', 'Signature', 'SignedHeaders']) {
    if (!pairs.has(name)) return `Authorization header requires '${name}' parameter. Authorization=${ALGORITHM}`;
  }
  const [accessKeyId, date, region, service, end, ...more] = (pairs.get('Credential') ?? '').split('/');
  if (!accessKeyId || !date || !region || !service || end !== 'aws4_request' || more.length > 0) {
    return 'Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term.';
  }
  const signedHeaders = (pairs.get('SignedHeaders') ?? '').split(';');
  return { accessKeyId, date, region, service, signedHeaders, signature: pairs.get('Signature') ?? '' };
}

function scopeProblem(parts: Parts, expectation: SigV4Expectation): AwsError | undefined {
  if (parts.accessKeyId !== expectation.accessKeyId) return unknownToken();
  if (parts.region !== expectation.region) {
    return invalid('Credential should be scoped to a valid region. ');
  }
  if (parts.service !== expectation.service) {
    return invalid(`Credential should be scoped to correct service: '${expectation.service}'. `);
  }
  return undefined;
}

function tokenProblem(request: SignedRequest, parts: Parts, expectation: SigV4Expectation): AwsError | undefined {
  const token = headerOf(request, 'x-amz-security-token');
  if (token !== expectation.sessionToken) return unknownToken();
  if (token !== undefined && !parts.signedHeaders.includes('x-amz-security-token')) return unsigned();
  if (expectation.expiresAtMs !== undefined && (expectation.nowMs ?? Date.now()) >= expectation.expiresAtMs) {
    return awsError(403, 'ExpiredTokenException', 'The security token included in the request is expired');
  }
  return undefined;
}

function dateProblem(request: SignedRequest, parts: Parts, nowMs: number): AwsError | undefined {
  const date = headerOf(request, 'x-amz-date');
  if (date === undefined) {
    const needs = "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header.";
    return awsError(403, 'IncompleteSignatureException', `${needs} Authorization=${ALGORITHM}`);
  }
  const match = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/.exec(date);
  if (match === null) {
    return awsError(403, 'IncompleteSignatureException', `Date must be in ISO-8601 'basic format'. Got '${date}'.`);
  }
  const [, year, month, day, hour, minute, second] = match;
  const sentMs = Date.parse(`${year}-${month}-${day}T${hour}:${minute}:${second}Z`);
  if (parts.date !== date.slice(0, 8)) {
    const from = 'Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP';
    return invalid(`${from}: '${parts.date}' != '${date.slice(0, 8)}', from '${date}'.`);
  }
  const now = basic(nowMs);
  if (sentMs < nowMs - SKEW_MS) {
    return invalid(`Signature expired: ${date} is now earlier than ${basic(nowMs - SKEW_MS)} (${now} - 5 min.)`);
  }
  if (sentMs > nowMs + SKEW_MS) {
    return invalid(
      `Signature not yet current: ${date} is still later than ${basic(nowMs + SKEW_MS)} (${now} + 5 min.)`,
    );
  }
  return undefined;
}

function basic(ms: number): string {
  return `${new Date(ms).toISOString().replaceAll(/[-:]/g, '').slice(0, 15)}Z`;
}

/** The host and everything of AWS's own must be signed, and what is signed must be there. */
function coverageProblem(request: SignedRequest, parts: Parts): AwsError | undefined {
  const { signedHeaders } = parts;
  if (!signedHeaders.includes('host')) {
    return invalid("'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization.");
  }
  const sorted = [...signedHeaders].sort();
  const isCanonical = sorted.every((name, index) => name === signedHeaders[index] && name === name.toLowerCase());
  if (!isCanonical) return unsigned();
  const names = request.rawHeaders.map(([name]) => name.toLowerCase());
  const unsignedAws = names.find((name) => name.startsWith('x-amz-') && !signedHeaders.includes(name));
  if (unsignedAws !== undefined) return invalid(`'${unsignedAws}' must be a 'SignedHeader' in the AWS Authorization.`);
  return undefined;
}

function signatureProblem(
  request: SignedRequest,
  body: Buffer,
  parts: Parts,
  expectation: SigV4Expectation,
): AwsError | undefined {
  const bodyHash = sha256(body);
  const declared = headerOf(request, 'x-amz-content-sha256');
  if (declared !== undefined && declared !== bodyHash) return unsigned();
  const scope = `${parts.date}/${parts.region}/${parts.service}/aws4_request`;
  const canonical = canonicalRequest(request, parts.signedHeaders, bodyHash);
  const toSign = [ALGORITHM, headerOf(request, 'x-amz-date') ?? '', scope, sha256(canonical)].join('\n');
  const key = [parts.date, parts.region, parts.service, 'aws4_request'].reduce<Buffer>(
    (secret, piece) => hmac(secret, piece),
    Buffer.from(`AWS4${expectation.secretAccessKey}`),
  );
  const expected = Buffer.from(hmac(key, toSign).toString('hex'));
  const actual = Buffer.from(parts.signature);
  return expected.length === actual.length && timingSafeEqual(expected, actual) ? undefined : unsigned();
}

function canonicalRequest(request: SignedRequest, signedHeaders: readonly string[], bodyHash: string): string {
  const question = request.path.indexOf('?');
  const path = question < 0 ? request.path : request.path.slice(0, question);
  const query = question < 0 ? '' : request.path.slice(question + 1);
  const headers = signedHeaders.map((name) => `${name}:${canonicalValue(request, name)}\n`).join('');
  return [request.method, canonicalPath(path), canonicalQuery(query), headers, signedHeaders.join(';'), bodyHash].join(
    '\n',
  );
}

/** Every service but S3 encodes the path as sent once more: `%3A` is signed as `%253A`. */
function canonicalPath(path: string): string {
  const segments: string[] = [];
  for (const segment of path.split('/')) {
    if (segment === '' || segment === '.') continue;
    if (segment === '..') segments.pop();
    else segments.push(encode(segment));
  }
  const end = segments.length > 0 && path.endsWith('/') ? '/' : '';
  return `/${segments.join('/')}${end}`;
}

function canonicalQuery(query: string): string {
  if (query === '') return '';
  return query
    .split('&')
    .map((pair) => {
      const at = pair.indexOf('=');
      const [name, value] = at < 0 ? [pair, ''] : [pair.slice(0, at), pair.slice(at + 1)];
      return [encode(decodeURIComponent(name)), encode(decodeURIComponent(value))] as const;
    })
    .sort(([a, x], [b, y]) => (a === b ? order(x, y) : order(a, b)))
    .map(([name, value]) => `${name}=${value}`)
    .join('&');
}

function order(a: string, b: string): number {
  return a < b ? -1 : Number(a > b);
}

function encode(text: string): string {
  return encodeURIComponent(text).replaceAll(/[!'()*]/g, (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`);
}

function canonicalValue(request: SignedRequest, name: string): string {
  const values = headerValues(request, name).map((value) => value.trim().replaceAll(/ +/g, ' '));
  return values.join(',');
}

function headerValues(request: SignedRequest, name: string): string[] {
  const found = request.rawHeaders.filter(([key]) => key.toLowerCase() === name).map(([, value]) => value);
  return found.length === 0 && name === 'host' ? headerValues(request, ':authority') : found;
}

function headerOf(request: SignedRequest, name: string): string | undefined {
  const values = headerValues(request, name);
  return values.length === 0 ? undefined : values.join(', ');
}

function sha256(data: string | Buffer): string {
  return createHash('sha256').update(data).digest('hex');
}

function hmac(key: Buffer, data: string): Buffer {
  return createHmac('sha256', key).update(data).digest();
}

function invalid(message: string): AwsError {
  return awsError(403, 'InvalidSignatureException', message);
}

function unsigned(): AwsError {
  const says = 'The request signature we calculated does not match the signature you provided.';
  return invalid(
    `${says} Check your AWS Secret Access Key and signing method. Consult the service documentation for details.`,
  );
}

function unknownToken(): AwsError {
  return awsError(403, 'UnrecognizedClientException', 'The security token included in the request is invalid.');
}
