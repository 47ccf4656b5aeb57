import { InvariantError } from '../lib/errors.ts';
import { answerEvents } from './answer-events.ts';
import type { AnswerEvent } from './conversation.ts';
import type { AnswerContext, ClientDialect, ProviderDialect, StreamReader, StreamWriter } from './dialect.ts';
import {
  collectUnsupported,
  encodeJson,
  encodeText,
  errorResponse,
  failureOf,
  jsonResponse,
  MAX_ANSWER_BYTES,
  readAnswerBody,
  readBody,
  refuseUnsupported,
  wholeResponse,
} from './exchange.ts';
import { type Shortened, shorten } from './stand-ins.ts';
import type { Attempt, TranslatedRequest, TranslatedResponse, Translation } from './translation.ts';

type Headers = ReadonlyMap<string, string>;

/** A translation by way of the common form: the client's dialect on one side, the provider's on the other. */
export function translateConversation(attempt: Attempt, client: ClientDialect, provider: ProviderDialect): Translation {
  let context: AnswerContext | undefined;

  /** Errors: undefined where the short body does not do. */
  function ask(bytes: Uint8Array, short?: Shortened): TranslatedRequest | undefined {
    const unsupported = collectUnsupported(client.fieldNames);
    const request = client.readRequest(readBody(bytes), unsupported);
    const said = short?.saidIn(request);
    if (said !== short) return said && ask(said.body, said);
    const betas = attempt.betas ?? [];
    const facts = { provider: attempt.provider, model: request.model, unsupported, betas };
    const written = encodeJson(provider.writeRequest(request, facts));
    const body = short === undefined ? written : short.restore(written);
    if (body === undefined) return undefined;
    const fields = unsupported.fields();
    refuseUnsupported(attempt, fields);
    const { requestId, nowSeconds } = attempt;
    context = { model: request.model, requestId, nowSeconds, request };
    return { body, unsupported: fields, stream: request.stream };
  }

  /** What is wrong with a request is told of the whole body: the places of messages are other ones in a short one. */
  function askShort(bytes: Uint8Array): TranslatedRequest | undefined {
    const short = shorten(bytes);
    try {
      return short && ask(short.body, short);
    } catch {
      return undefined;
    }
  }

  return {
    request(bytes) {
      const asked = askShort(bytes) ?? ask(bytes);
      if (asked === undefined) throw new InvariantError('a whole body that does not do');
      return asked;
    },
    response(status, headers) {
      if (context === undefined) throw new InvariantError('an answer before its request');
      return translateResponse(status, headers, context, client, provider);
    },
  };
}

function translateResponse(
  status: number,
  headers: Headers,
  context: AnswerContext,
  client: ClientDialect,
  provider: ProviderDialect,
): TranslatedResponse {
  if (status < 200 || status > 299) return errorResponse(status, headers, provider.readError, client.writeError);
  if (!context.request.stream) {
    return jsonResponse(
      status,
      (answer) => client.writeAnswer(provider.readAnswer(answer, headers), context),
      client.writeError,
    );
  }
  const writer = client.createStreamWriter(context);
  if (!isOneJson(headers)) return streamResponse(status, provider.createStreamReader(headers), writer);
  return wholeResponse(status, {
    contentType: 'text/event-stream',
    maxBytes: MAX_ANSWER_BYTES,
    write: (body) => ({ status, text: writeAtOnce(body, headers, provider, writer) }),
  });
}

/** Some providers answer at once although a stream was asked for. */
function isOneJson(headers: Headers): boolean {
  return /^application\/json\b/i.test(headers.get('content-type') ?? '');
}

function writeAtOnce(body: Uint8Array, headers: Headers, provider: ProviderDialect, writer: StreamWriter): string {
  let events: AnswerEvent[];
  try {
    events = answerEvents(provider.readAnswer(readAnswerBody(body), headers));
  } catch (caught) {
    events = [{ kind: 'error', error: failureOf(caught) }];
  }
  return events.map((event) => writer.write(event)).join('') + writer.end();
}

function streamResponse(status: number, reader: StreamReader, writer: StreamWriter): TranslatedResponse {
  let isOver = false;

  /** What it says, at the end of the stream where there are no bytes. */
  function read(bytes?: Uint8Array): readonly AnswerEvent[] {
    try {
      return bytes === undefined ? reader.end() : reader.push(bytes);
    } catch (caught) {
      return [{ kind: 'error', error: failureOf(caught) }];
    }
  }

  /** Nothing goes out behind an error. */
  function translate(bytes?: Uint8Array): string {
    if (isOver) return '';
    let text = '';
    for (const event of read(bytes)) {
      text += writer.write(event);
      isOver = event.kind === 'error';
      if (isOver) break;
    }
    return text;
  }

  return {
    contentType: 'text/event-stream',
    kind: 'stream',
    status: () => status,
    push: (bytes) => encodeText(translate(bytes)),
    end: () => encodeText(translate() + writer.end()),
  };
}
