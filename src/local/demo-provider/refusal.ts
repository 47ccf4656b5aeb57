/** How a request is refused: thrown where the problem is seen, answered in the shape of the API that was asked. */

/** What a provider says no with. `param` is the field at fault: `messages[0].role`. */
export class Refusal extends Error {
  readonly status: number;
  readonly type: string;
  readonly param: string | null;
  readonly code: string | null;
  readonly retryAfterSeconds: number | undefined;

  constructor(
    status: number,
    message: string,
    detail: { type?: string; param?: string; code?: string; retryAfterSeconds?: number | undefined } = {},
  ) {
    super(message);
    this.name = 'Refusal';
    this.status = status;
    this.type = detail.type ?? 'invalid_request_error';
    this.param = detail.param ?? null;
    this.code = detail.code ?? null;
    this.retryAfterSeconds = detail.retryAfterSeconds;
  }
}

/** The body of an error as OpenAI's API answers it. */
export function openaiErrorBody({ message, type, param, code }: Refusal): unknown {
  return { error: { message, type, param, code } };
}

const ANTHROPIC_TYPES: Readonly<Record<number, string>> = {
  401: 'authentication_error',
  404: 'not_found_error',
  413: 'request_too_large',
  429: 'rate_limit_error',
  500: 'api_error',
  503: 'overloaded_error',
};

/** The body of an error as Anthropic's API answers it. */
export function anthropicErrorBody({ message, status }: Refusal, requestId: string): unknown {
  const type = ANTHROPIC_TYPES[status] ?? 'invalid_request_error';
  return { type: 'error', error: { type, message }, request_id: requestId };
}
