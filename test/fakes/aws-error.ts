/** Errors of AWS services that speak JSON over REST. */
import { jsonAnswer, Refusal, type UnaryAnswer } from './answer.ts';

/** An error as data. */
export interface AwsError {
  readonly status: number;
  readonly type: string;
  readonly message: string;
}

/** An error of this status, type and message. */
export function awsError(status: number, type: string, message: string): AwsError {
  return { status, type, message };
}

// The front end of all services refuses with these; Bedrock appends a name to those of its own: clients cut at the colon.
const FRONT_END = new Set([
  'MissingAuthenticationTokenException',
  'IncompleteSignatureException',
  'InvalidSignatureException',
  'UnrecognizedClientException',
  'ExpiredTokenException',
]);

/** The answer: the type stands in a header alone, in some services with the name of a model behind a colon. */
export function awsErrorAnswer({ status, type, message }: AwsError): UnaryAnswer {
  const answer = jsonAnswer(status, { message });
  const suffix = FRONT_END.has(type) ? '' : ':http://internal.amazon.com/coral/com.amazon.bedrock/';
  return { ...answer, headers: { ...answer.headers, 'x-amzn-errortype': `${type}${suffix}` } };
}

/** A refusal, to be thrown. */
export function awsRefusal(status: number, type: string, message: string): Refusal {
  return new Refusal(awsErrorAnswer(awsError(status, type, message)));
}
