/**
 * Errors: failures at a boundary (`GatewayError`, a closed set of codes) and bugs (`InvariantError`). What is wrong with
 * the user's input is a finding (findings.ts), not an error.
 */

/** Whose fault a failure is, for status codes and for what the operator should do. */
export type Fault = 'client' | 'provider' | 'gateway';

const CODES = {
  usage: { fault: 'client', http: 400, grpc: 3 },
  invalid_input: { fault: 'client', http: 400, grpc: 3 },
  not_found: { fault: 'client', http: 404, grpc: 5 },
  limit_exceeded: { fault: 'client', http: 413, grpc: 8 },
  unauthenticated: { fault: 'client', http: 401, grpc: 16 },
  permission_denied: { fault: 'client', http: 403, grpc: 7 },
  port_in_use: { fault: 'gateway', http: 500, grpc: 14 },
  envoy_missing: { fault: 'gateway', http: 500, grpc: 14 },
  envoy_died: { fault: 'gateway', http: 500, grpc: 14 },
  source_unreadable: { fault: 'gateway', http: 500, grpc: 14 },
  timeout: { fault: 'gateway', http: 504, grpc: 4 },
  cancelled: { fault: 'client', http: 499, grpc: 1 },
  provider_failed: { fault: 'provider', http: 502, grpc: 14 },
  unavailable: { fault: 'gateway', http: 503, grpc: 14 },
} as const satisfies Record<string, { fault: Fault; http: number; grpc: number }>;

export type ErrorCode = keyof typeof CODES;

/** A failure at a boundary. `message` is safe to show; `cause` is for logs alone. */
export class GatewayError extends Error {
  readonly code: ErrorCode;

  constructor(code: ErrorCode, message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.name = 'GatewayError';
    this.code = code;
  }

  get fault(): Fault {
    return CODES[this.code].fault;
  }

  get httpStatus(): number {
    return CODES[this.code].http;
  }

  get grpcStatus(): number {
    return CODES[this.code].grpc;
  }

  /** The single door through which a caught value becomes typed. */
  static from(caught: unknown, code: ErrorCode, context?: string): GatewayError {
    if (caught instanceof GatewayError) return caught;
    const text = caught instanceof Error ? caught.message : String(caught);
    return new GatewayError(code, context === undefined ? text : `${context}: ${text}`, { cause: caught });
  }
}

/** A bug in Headgate. Caught only at the top of a stream or of the process. */
export class InvariantError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'InvariantError';
  }
}
