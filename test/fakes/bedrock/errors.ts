/** Errors of Bedrock: by status, in answers and in the middle of streams. Source: Amazon Bedrock API reference. */
import type { Refusal } from '../answer.ts';
import { awsRefusal } from '../aws-error.ts';
import { exceptionEvent } from '../event-stream.ts';
import type { Path, ShapeProblem } from '../shape.ts';

const TYPES: Readonly<Record<number, string>> = {
  400: 'ValidationException',
  403: 'AccessDeniedException',
  404: 'ResourceNotFoundException',
  408: 'ModelTimeoutException',
  424: 'ModelErrorException',
  429: 'ThrottlingException',
  500: 'InternalServerException',
  503: 'ServiceUnavailableException',
};

/** The type of an error that a fault asks for by its status. */
export function errorType(status: number): string {
  return TYPES[status] ?? (status >= 500 ? 'InternalServerException' : 'ValidationException');
}

/** A request that Bedrock does not accept. */
export function invalid(message: string): Refusal {
  return awsRefusal(400, 'ValidationException', message);
}

/** An exception in the middle of a stream; what streams cannot say is said as an internal error. */
export function streamException(status: number, message: string): Buffer {
  if (status === 424) {
    const value = { message, originalStatusCode: 500, originalMessage: message };
    return exceptionEvent('modelStreamErrorException', value);
  }
  const type = errorType(status);
  return exceptionEvent(`${type.charAt(0).toLowerCase()}${type.slice(1)}`, { message });
}

/** The refusal of a member, in the words of AWS's validator. */
export function memberRefusal(problem: ShapeProblem): Refusal {
  const { kind, path, value } = problem;
  const at = dotted(path);
  if (kind === 'type') {
    const actual = value === null ? 'NULL_VALUE' : `${typeof value}`.toUpperCase();
    return awsRefusal(
      400,
      'SerializationException',
      `${actual} can not be converted to ${problem.expected} at '${at}'`,
    );
  }
  if (kind === 'unknown')
    return invalid(`The model returned the following errors: ${at}: Extra inputs are not permitted`);
  if (kind === 'union') {
    return invalid(`The value at '${at}' must have exactly one of the members: ${problem.expected}`);
  }
  const shown = value === undefined ? 'null' : typeof value === 'string' ? value : JSON.stringify(value);
  const constraint = `Value '${shown}' at '${at}' failed to satisfy constraint: ${constraintText(problem)}`;
  return invalid(`1 validation error detected: ${constraint}`);
}

function constraintText({ kind, expected }: ShapeProblem): string {
  switch (kind) {
    case 'missing':
      return 'Member must not be null';
    case 'low':
      return `Member must have value greater than or equal to ${expected}`;
    case 'high':
      return `Member must have value less than or equal to ${expected}`;
    case 'short':
      return `Member must have length greater than or equal to ${expected}`;
    case 'long':
      return `Member must have length less than or equal to ${expected}`;
    case 'value':
      return `Member must satisfy enum value set: [${expected}]`;
    default:
      return `Member must satisfy regular expression pattern: ${expected}`;
  }
}

function dotted(path: Path): string {
  // AWS counts list members from 1 and calls them `member`.
  return path.map((step) => (typeof step === 'number' ? `${step + 1}.member` : step)).join('.');
}
