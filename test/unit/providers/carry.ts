/** Carries a client's request through a translation to a fake of a provider and back, as Envoy and the processor do. */
import type { EndpointName, ProviderIr } from '../../../src/ir/index.ts';
import { GatewayError } from '../../../src/lib/errors.ts';
import { errorBody } from '../../../src/providers/client-errors.ts';
import { providerFacts, translatedPath } from '../../../src/providers/index.ts';
import type { Attempt } from '../../../src/providers/translation.ts';
import { createTranslation } from '../../../src/providers/translations.ts';
import type { Fake } from '../../fakes/index.ts';

export type Json = Readonly<Record<string, unknown>>;

/** Where requests go, and what opens the door there. */
export interface Target {
  readonly provider: ProviderIr;
  readonly fake: Fake;
  readonly headers: Readonly<Record<string, string>>;
}

/** What the client gets, and what was reported on the way. */
export interface Carried {
  readonly status: number;
  readonly contentType: string;
  readonly text: string;
  readonly unsupported: readonly string[];
  /** What the provider got; absent where the translation refused. */
  readonly sent?: {
    readonly path: string;
    /** Those of the translation. */
    readonly headers: readonly (readonly [name: string, value: string])[];
    readonly body: Json;
  };
  /** What the provider said, as it said it. */
  readonly answer?: { readonly status: number; readonly headers: ReadonlyMap<string, string>; readonly bytes: Buffer };
}

/** Sends a request. Shape: `cut` is the size of the pieces in which the answer comes. Errors: what a bug throws. */
export async function carry(
  target: Target,
  endpoint: EndpointName,
  body: Json,
  { cut, ...more }: Partial<Attempt> & { readonly cut?: number } = {},
): Promise<Carried> {
  const { provider, fake, headers } = target;
  const attempt: Attempt = {
    endpoint,
    provider,
    requestId: 'r1',
    nowSeconds: 1_700_000_000,
    unsupported: 'report',
    ...more,
  };
  const translation = createTranslation(attempt);
  let request: ReturnType<typeof translation.request>;
  try {
    request = translation.request(Buffer.from(JSON.stringify(body)));
  } catch (caught) {
    if (!(caught instanceof GatewayError)) throw caught;
    const { httpStatus: status, message, code } = caught;
    const text = errorBody(endpoint, { status, message, code }).toString();
    return { status, contentType: 'application/json', text, unsupported: [] };
  }
  const paths = translatedPath(endpoint, provider);
  if (paths === undefined) throw new Error(`${endpoint} has no path at ${provider.schema}`);
  const path = request.path ?? (request.stream ? paths.stream : undefined) ?? paths.path;
  const filled = path.replace('{model}', encodeURIComponent(String(body.model)));
  const response = await fetch(`${fake.url}${filled}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...providerFacts(provider.schema).requestHeaders, ...headers },
    body: request.body,
  });
  const bytes = Buffer.from(await response.arrayBuffer());
  const answerHeaders = new Map(response.headers);
  const answer = translation.response(response.status, answerHeaders);
  const out: Uint8Array[] = [];
  const size = cut ?? Math.max(1, bytes.length);
  for (let at = 0; at < bytes.length; at += size) out.push(answer.push(bytes.subarray(at, at + size)));
  out.push(answer.end());
  return {
    status: answer.status(),
    contentType: answer.contentType,
    text: Buffer.concat(out).toString(),
    unsupported: request.unsupported,
    sent: {
      path: filled,
      headers: Object.entries(providerFacts(provider.schema).requestHeaders ?? {}),
      body: JSON.parse(Buffer.from(request.body).toString()) as Json,
    },
    answer: { status: response.status, headers: answerHeaders, bytes },
  };
}

/** The data of the events of a stream. Shape: `[DONE]` is left out. */
export function eventsOf(text: string): Json[] {
  return text
    .split('\n\n')
    .flatMap((event) => event.split('\n').filter((line) => line.startsWith('data: ')))
    .map((line) => line.slice('data: '.length))
    .filter((data) => data !== '[DONE]')
    .map((data) => JSON.parse(data) as Json);
}
