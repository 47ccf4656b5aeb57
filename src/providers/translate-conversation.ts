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
import type { Attempt, TranslatedResponse, Translation } from './translation.ts';

type Headers = ReadonlyMap<string, string>;

/** A translation by way of the common form: the client's dialect on one side, the provider's on the other. */
export function translateConversation(attempt: Attempt, client: ClientDialect, provider: ProviderDialect): Translation {
  let context: AnswerContext | undefined;
  return {
    request(bytes) {
      const unsupported = collectUnsupported(client.fieldNames);
      const request = client.readRequest(readBody(bytes), unsupported);
      const betas = attempt.betas ?? [];
      const facts = { provider: attempt.provider, model: request.model, unsupported, betas };
      const body = provider.writeRequest(request, facts);
      const fields = unsupported.fields();
      refuseUnsupported(attempt, fields);
      const { requestId, nowSeconds } = attempt;
      context = { model: request.model, requestId, nowSeconds, request };
      return { body: encodeJson(body), unsupported: fields, stream: request.stream };
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

  /** Nothing goes out behind an error. */
  function write(read: () => AnswerEvent[]): string {
    if (isOver) return '';
    let text = '';
    for (const event of readEvents(read)) {
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
    push: (bytes) => encodeText(write(() => reader.push(bytes))),
    end: () => encodeText(write(() => reader.end()) + writer.end()),
  };
}

function readEvents(read: () => AnswerEvent[]): AnswerEvent[] {
  try {
    return read();
  } catch (caught) {
    return [{ kind: 'error', error: failureOf(caught) }];
  }
}
