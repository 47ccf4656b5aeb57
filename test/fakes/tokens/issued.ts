/** What token services share: forms, errors of OAuth, and the tokens that were given out. */
import { jsonAnswer, Refusal } from '../answer.ts';
import { mediaType, type RecordedRequest } from '../recorded.ts';

/** What a test may turn on a token service while it runs. */
export interface TokenSettings {
  /** How long tokens last. */
  lifetimeS: number;
  /** How far the service's clock is ahead of this machine's. */
  skewMs: number;
}

/** Tokens in the order in which they were given out. */
export class Issued {
  readonly tokens: string[] = [];
  readonly settings: TokenSettings = { lifetimeS: 3600, skewMs: 0 };
  readonly #prefix: string;

  constructor(prefix: string) {
    this.#prefix = prefix;
  }

  get nowMs(): number {
    return Date.now() + this.settings.skewMs;
  }

  /** The `date` header of answers. */
  get date(): string {
    return new Date(this.nowMs).toUTCString();
  }

  next(): string {
    const token = `${this.#prefix}-${this.tokens.length + 1}`;
    this.tokens.push(token);
    return token;
  }
}

/** The fields of a form. Errors: throws what `refuse` makes when it is none, or names a field twice. */
export function formOf(request: RecordedRequest, refuse: (why: string) => Error): ReadonlyMap<string, string> {
  if (request.method !== 'POST') throw refuse(`method ${request.method}`);
  if (mediaType(request) !== 'application/x-www-form-urlencoded') throw refuse('the body is no form');
  const form = new Map<string, string>();
  for (const [name, value] of new URLSearchParams(request.body.toString('utf8'))) {
    if (form.has(name)) throw refuse(`field ${name} twice`);
    form.set(name, value);
  }
  return form;
}

/** An error of OAuth 2.0. */
export function oauthRefusal(status: number, error: string, description: string): Refusal {
  return new Refusal(jsonAnswer(status, { error, error_description: description }));
}

/** The header `date`, to be put on an answer. */
export function dated<T extends { readonly headers: Readonly<Record<string, string>> }>(answer: T, date: string): T {
  return { ...answer, headers: { ...answer.headers, date } };
}
