/** Errors in OpenAI's shape. */
import { jsonAnswer, Refusal } from '../answer.ts';
import { asObject, type FieldProblem, type FieldSpec, fieldProblem } from '../fields.ts';
import { mediaType, type RecordedRequest } from '../recorded.ts';
import type { FakeSettings } from '../settings.ts';

/** The body of an error. */
export function openaiError(message: string, code: string | null = null, param: string | null = null): unknown {
  return { error: { message, type: 'invalid_request_error', param, code } };
}

/** The body of an error by status alone. */
export function openaiStatusError(status: number, message: string): unknown {
  const type = status === 429 ? 'rate_limit_exceeded' : status >= 500 ? 'server_error' : 'invalid_request_error';
  return { error: { message, type, param: null, code: status === 429 ? 'rate_limit_exceeded' : null } };
}

/** A refusal, to be thrown. */
export function refuse(
  status: number,
  message: string,
  code: string | null = null,
  param: string | null = null,
): Refusal {
  return new Refusal(jsonAnswer(status, openaiError(message, code, param)));
}

/** The JSON object of a request whose content type and syntax are right. */
export function requireJson(request: RecordedRequest): Record<string, unknown> {
  const type = mediaType(request);
  if (type !== 'application/json') {
    throw refuse(
      415,
      `Unsupported content type: '${type}'. This API method only accepts 'application/json' requests.`,
      'unsupported_content_type',
    );
  }
  const body = request.jsonError === undefined ? asObject(request.json) : undefined;
  if (body === undefined) throw refuse(400, 'We could not parse the JSON body of your request.');
  return body;
}

/** Refuses what the field list does not allow. */
export function requireFields(body: Record<string, unknown>, spec: FieldSpec, settings: FakeSettings): void {
  const problem = fieldProblem(body, spec, { refuseUnknown: settings.refuseUnknownFields, nullable: true });
  if (problem !== undefined) throw fieldRefusal(problem);
}

function fieldRefusal(problem: FieldProblem): Refusal {
  const { field } = problem;
  if (problem.kind === 'missing') {
    return field === 'model'
      ? refuse(400, 'you must provide a model parameter')
      : refuse(400, `Missing required parameter: '${field}'.`, 'missing_required_parameter', field);
  }
  if (problem.kind === 'unknown') {
    return refuse(400, `Unrecognized request argument supplied: ${field}`, 'unknown_parameter', field);
  }
  const message = `Invalid type for '${field}': expected ${problem.expected}, but got ${problem.actual} instead.`;
  return refuse(400, message, 'invalid_type', field);
}

/** The model, which must be one that exists. */
export function requireModel(model: unknown, settings: FakeSettings): string {
  const name = String(model);
  if (name === '') throw refuse(400, 'you must provide a model parameter');
  if (settings.models !== undefined && !settings.models.includes(name)) {
    throw refuse(404, `The model \`${name}\` does not exist or you do not have access to it.`, 'model_not_found');
  }
  return settings.responseModel ?? name;
}

/** Stream options are allowed only in streams; returns whether usage was asked for. */
export function wantsStreamUsage(body: Record<string, unknown>): boolean {
  const options = asObject(body.stream_options);
  if (options === undefined) return false;
  if (body.stream !== true) {
    const message = "The 'stream_options' parameter is only allowed when 'stream' is enabled.";
    throw refuse(400, message, null, 'stream_options');
  }
  requireNested('stream_options', options, { include_usage: 'boolean', include_obfuscation: 'boolean' });
  return options.include_usage === true;
}

function requireNested(parent: string, value: Record<string, unknown>, spec: FieldSpec): void {
  const problem = fieldProblem(value, spec, { refuseUnknown: true, nullable: true });
  if (problem !== undefined) throw fieldRefusal({ ...problem, field: `${parent}.${problem.field}` });
}
