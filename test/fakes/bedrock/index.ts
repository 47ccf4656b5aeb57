/** A strict fake of Amazon Bedrock Runtime. Source: Amazon Bedrock API reference, 2023-09-30. */
import { type Answer, type Provider, Refusal } from '../answer.ts';
import { awsError, awsErrorAnswer, awsRefusal } from '../aws-error.ts';
import { type Fake, type FakeOptions, startFake } from '../fake.ts';
import { asObject } from '../fields.ts';
import { mediaType, type RecordedRequest } from '../recorded.ts';
import { replyOf } from '../script.ts';
import type { FakeSettings } from '../settings.ts';
import { type Shape, shapeProblem } from '../shape.ts';
import { accessKeyOf, verifySigV4 } from '../sigv4.ts';
import { promptText } from '../usage.ts';
import { converseAnswer, converseStream } from './converse-reply.ts';
import { requireConversation } from './converse-rules.ts';
import { converseShape } from './converse-shape.ts';
import { COUNT_TOKENS_SHAPE, countTokens } from './count-tokens.ts';
import { errorType, memberRefusal, streamException } from './errors.ts';
import { invoke } from './invoke.ts';

/** AWS credentials that the fake knows. */
export interface AwsCredentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string;
  readonly expiresAtMs?: number;
}

/** Options of the Bedrock fake. The models that exist are `settings.models`. */
export interface BedrockOptions extends FakeOptions {
  /** Default: `AWS_CREDENTIALS`. */
  readonly credentials?: readonly AwsCredentials[];
  /** Bedrock API keys it accepts as `Authorization: Bearer KEY`; default none. */
  readonly keys?: readonly string[];
  /** Default us-east-1. */
  readonly region?: string;
}

/** The credentials a fake accepts when a test names none (AWS's own example). */
export const AWS_CREDENTIALS: AwsCredentials = {
  accessKeyId: 'AKIAIOSFODNN7EXAMPLE',
  secretAccessKey: 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY',
};

/** Starts a fake of Bedrock. */
export function startBedrock(options: BedrockOptions = {}): Promise<Fake> {
  return startFake(bedrockProvider(options), options);
}

type Operation = (request: RecordedRequest, settings: FakeSettings, model: string) => Answer;

const OPERATIONS: Readonly<Record<string, Operation>> = {
  converse: (request, settings, model) => converse(request, settings, model, false),
  'converse-stream': (request, settings, model) => converse(request, settings, model, true),
  invoke: (request, settings, model) => invoke(request, settings, model, false),
  'invoke-with-response-stream': (request, settings, model) => invoke(request, settings, model, true),
  'count-tokens': (request, settings, model) =>
    countTokens(request, settings, model, requireShape(request, COUNT_TOKENS_SHAPE, settings)),
};

function bedrockProvider(options: BedrockOptions): Provider {
  const credentials = options.credentials ?? [AWS_CREDENTIALS];
  const bearers = new Set((options.keys ?? []).map((key) => `Bearer ${key}`));
  return {
    kind: 'bedrock',
    idHeader: 'x-amzn-requestid',
    ownsCredential: (header, value) => ownsHeader(header, value, credentials, bearers),
    errorBody: (_status, message) => ({ message }),
    errorAnswer: (status, message) => awsErrorAnswer(awsError(status, errorType(status), message)),
    errorEvent: (_settings, status, message) => streamException(status, message),
    answer: (request, settings) => {
      requireCredential(request, credentials, bearers, options.region ?? 'us-east-1');
      return operate(request, settings);
    },
  };
}

/** Whether a header is what AWS gets for one of these credentials. */
export function ownsHeader(
  header: string,
  value: string,
  credentials: readonly AwsCredentials[],
  bearers: ReadonlySet<string>,
): boolean {
  switch (header) {
    case 'authorization':
      return bearers.has(value) || credentials.some(({ accessKeyId }) => value.includes(`Credential=${accessKeyId}/`));
    case 'x-amz-security-token':
      return credentials.some(({ sessionToken }) => sessionToken === value);
    default:
      return ['x-amz-date', 'x-amz-content-sha256', 'x-amz-user-agent'].includes(header);
  }
}

/** Errors: throws the refusal of AWS. */
export function requireCredential(
  request: RecordedRequest,
  credentials: readonly AwsCredentials[],
  bearers: ReadonlySet<string>,
  region: string,
): void {
  const { authorization } = request.headers;
  if (authorization?.startsWith('Bearer ')) {
    if (bearers.has(authorization)) return;
    throw awsRefusal(403, 'AccessDeniedException', 'Authentication failed: Please make sure your API Key is valid.');
  }
  const keyId = accessKeyOf(request);
  const known = credentials.find(({ accessKeyId }) => accessKeyId === keyId) ?? UNKNOWN;
  const problem = verifySigV4(request, request.body, { ...known, region, service: 'bedrock' });
  if (problem !== undefined) throw new Refusal(awsErrorAnswer(problem));
}

/** Stands for a key that nobody has: the check then says what AWS says of it. */
const UNKNOWN: AwsCredentials = { accessKeyId: '', secretAccessKey: '' };

const ARN =
  /^arn:aws(-[^:/]+)?:bedrock:[a-z0-9-]+:(\d{12})?:(foundation-model|inference-profile|application-inference-profile|provisioned-model|custom-model|custom-model-deployment|imported-model|prompt-router|default-prompt-router|prompt)\/[a-zA-Z0-9.:-]+$/;
const MODEL_ID = /^[a-z0-9-]+(\.[a-z0-9-]+)+(\.?[a-z0-9-]+)*(:[a-z0-9-]+)*$/;

function operate(request: RecordedRequest, settings: FakeSettings): Answer {
  const { method, pathname } = request;
  // An ARN has a slash: one that is not encoded leads to no operation.
  const [, encoded, name] = /^\/model\/([^/]+)\/([^/]+)$/.exec(pathname) ?? [];
  const operation = name !== undefined && Object.hasOwn(OPERATIONS, name) ? OPERATIONS[name] : undefined;
  if (method !== 'POST' || encoded === undefined || operation === undefined) {
    throw awsRefusal(404, 'UnknownOperationException', 'Unable to determine service/operation name to be authorized');
  }
  const model = decodeURIComponent(encoded);
  if (!ARN.test(model) && !MODEL_ID.test(model)) throw unknownModel();
  if (settings.models !== undefined && !settings.models.includes(model)) throw unknownModel();
  if (mediaType(request) !== 'application/json') {
    throw awsRefusal(415, 'UnsupportedMediaTypeException', `Unsupported media type: ${mediaType(request)}`);
  }
  return operation(request, settings, model);
}

function unknownModel(): Refusal {
  return awsRefusal(400, 'ValidationException', 'The provided model identifier is invalid.');
}

function converse(request: RecordedRequest, settings: FakeSettings, model: string, isStream: boolean): Answer {
  const body = requireShape(request, converseShape(isStream), settings);
  requireConversation(body, model);
  const reply = replyOf(request, settings, promptText(body.system) + promptText(body.messages));
  return isStream ? converseStream(reply, request.n, body) : converseAnswer(reply, request.n, body);
}

function requireShape(request: RecordedRequest, shape: Shape, settings: FakeSettings): Record<string, unknown> {
  const body = request.jsonError === undefined ? asObject(request.json) : undefined;
  if (body === undefined) throw awsRefusal(400, 'SerializationException', 'Unable to parse the request body as JSON.');
  const problem = shapeProblem(body, shape, { nullable: true, refuseUnknown: settings.refuseUnknownFields });
  if (problem !== undefined) throw memberRefusal(problem);
  return body;
}
