/** The server under every fake: listens, records, applies the fault plan, and lets the provider answer. */
import { createServer, type Server } from 'node:http';
import { createServer as createH2Server, createSecureServer } from 'node:http2';
import { createServer as createHttpsServer } from 'node:https';
import type { AddressInfo, Server as NetServer, Socket } from 'node:net';
import { type Answer, failureEvent, jsonAnswer, type Provider, Refusal } from './answer.ts';
import { testCa } from './certs.ts';
import { type ForeignCredential, foreignCredentials, repeatedHeaders } from './credentials.ts';
import { type RecordedRequest, readRequest, type ServerRequest } from './recorded.ts';
import { scriptOf } from './script.ts';
import { pause, type Responder, resetExchange, sendAnswer } from './send.ts';
import { defaultSettings, type FakeSettings, type Fault, type FaultPlan } from './settings.ts';

/** How a fake listens and what it starts with. */
export interface FakeOptions {
  /** Told in the answer header `x-fake`, and in ids. */
  readonly name?: string;
  /** 0 takes a free one. */
  readonly port?: number;
  /** Default 127.0.0.1. */
  readonly address?: string;
  /** TLS with a certificate of the test authority for these names; HTTP/1.1 and HTTP/2 by ALPN. */
  readonly tls?: { readonly names: readonly string[]; readonly ca?: string; readonly alpn?: readonly string[] };
  /** HTTP/2 without TLS (prior knowledge). */
  readonly h2c?: boolean;
  readonly settings?: Partial<FakeSettings>;
}

/** A provider that listens. */
export class Fake {
  readonly name: string;
  readonly requests: RecordedRequest[] = [];
  readonly foreignCredentials: ForeignCredential[] = [];
  /** Requests that HTTP itself refuses (bad framing, repeated headers), in words. */
  readonly protocolErrors: string[] = [];
  settings: FakeSettings;
  fault: FaultPlan | undefined;
  readonly #provider: Provider;
  readonly #options: FakeOptions;
  readonly #sockets = new Set<Socket>();
  #server: NetServer | undefined;
  #port = 0;
  #arrived = 0;
  #connections = 0;

  constructor(provider: Provider, options: FakeOptions) {
    this.name = options.name ?? provider.kind;
    this.#provider = provider;
    this.#options = options;
    this.settings = { ...defaultSettings(), ...options.settings };
  }

  get port(): number {
    return this.#port;
  }

  get url(): string {
    return `${this.#options.tls === undefined ? 'http' : 'https'}://${this.#options.address ?? '127.0.0.1'}:${this.#port}`;
  }

  /** Connections accepted since the last reset. */
  get connections(): number {
    return this.#connections;
  }

  /** Requests whose headers arrived since the last reset, also those that are not complete yet. */
  get arrived(): number {
    return this.#arrived;
  }

  /** The newest request. Errors: throws when there is none. */
  get last(): RecordedRequest {
    const request = this.requests.at(-1);
    if (request === undefined) throw new Error(`fake ${this.name} has received no request`);
    return request;
  }

  /** Listens (again); the port of the first time is kept. */
  async accept(): Promise<void> {
    if (this.#server !== undefined) return;
    const server = await this.#createServer();
    server.on('connection', (socket: Socket) => {
      this.#connections++;
      this.#sockets.add(socket);
      socket.setNoDelay(true);
      socket.on('close', () => this.#sockets.delete(socket));
      socket.on('error', () => socket.destroy());
    });
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(this.#port || (this.#options.port ?? 0), this.#options.address ?? '127.0.0.1', 4096, resolve);
    });
    this.#port = (server.address() as AddressInfo).port;
    this.#server = server;
  }

  /** Refuses connections and drops the open ones, until `accept()`. */
  async refuse(): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    if (server === undefined) return;
    const closed = new Promise<void>((resolve) => server.close(() => resolve()));
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }

  /** Forgets all requests and faults, restores the first settings, and listens. */
  async reset(): Promise<void> {
    this.requests.length = 0;
    this.foreignCredentials.length = 0;
    this.protocolErrors.length = 0;
    this.#arrived = 0;
    this.#connections = 0;
    this.fault = undefined;
    this.settings = { ...defaultSettings(), ...this.#options.settings };
    await this.accept();
  }

  /** Stops for good. */
  async close(): Promise<void> {
    await this.refuse();
  }

  async #createServer(): Promise<NetServer> {
    const listener = (request: ServerRequest, response: Responder): void => void this.#serve(request, response);
    const { tls, h2c } = this.#options;
    if (tls !== undefined) {
      const { cert, key } = await (await testCa(tls.ca)).issue(...tls.names);
      const alpn = tls.alpn ?? ['h2', 'http/1.1'];
      // Node's HTTP/2 server offers h2 whatever it is told.
      const server = alpn.includes('h2')
        ? createSecureServer({ cert, key, allowHTTP1: alpn.includes('http/1.1') }, listener)
        : createHttpsServer({ cert, key, ALPNProtocols: [...alpn] }, listener);
      server.on('tlsClientError', (error) => this.protocolErrors.push(`TLS: ${error.message}`));
      return server;
    }
    if (h2c === true) return createH2Server(listener);
    const server: Server = createServer({ maxHeaderSize: 64 * 1024, keepAliveTimeout: 60_000 }, listener);
    server.on('clientError', (error, socket) => {
      // A peer that resets its connection is no bad framing.
      if ((error as NodeJS.ErrnoException).code === 'ECONNRESET') return;
      this.protocolErrors.push(`HTTP: ${error.message}`);
      if (socket.writable) socket.end('HTTP/1.1 400 Bad Request\r\nconnection: close\r\ncontent-length: 0\r\n\r\n');
    });
    return server;
  }

  async #serve(source: ServerRequest, response: Responder): Promise<void> {
    response.on('error', () => resetExchange(response));
    const request = await readRequest(source, ++this.#arrived);
    this.requests.push(request);
    this.foreignCredentials.push(...foreignCredentials(request, this.#provider.ownsCredential));
    response.on('close', () => {
      request.outcome.endedAtMs = performance.now();
      request.outcome.clientAborted ||= !response.writableFinished;
    });
    if (!request.complete) {
      request.outcome.clientAborted = true;
      return;
    }
    const fault = this.fault?.(request, request.n) ?? {};
    if (fault.delayMs !== undefined) await pause(response, fault.delayMs);
    if (fault.hang === true) return;
    if (fault.reset === true) return resetExchange(response);
    if (fault.connectRefuse === true) {
      resetExchange(response);
      return this.refuse();
    }
    const answer = this.#answer(request, fault);
    request.outcome.status = answer.status;
    request.outcome.usage = answer.usage;
    await sendAnswer(
      response,
      this.#signed(answer, request),
      this.settings,
      fault,
      request.headers['accept-encoding'] ?? '',
    );
  }

  #answer(request: RecordedRequest, fault: Fault): Answer {
    if (fault.status !== undefined) return this.#faultAnswer(fault.status, fault);
    const repeated = repeatedHeaders(request);
    if (repeated.length > 0) {
      this.protocolErrors.push(`request ${request.n} repeats ${repeated.join(', ')}`);
      return jsonAnswer(400, this.#provider.errorBody(400, `repeated header ${repeated.join(', ')}`));
    }
    const script = scriptOf(request, this.settings);
    try {
      if (script.status !== undefined) {
        return this.#errorAnswer(script.status, script.message ?? `${this.name} says ${script.status}`);
      }
      return this.#withErrorEvent(this.#provider.answer(request, this.settings), fault.errorAfterChunks);
    } catch (error) {
      if (error instanceof Refusal) return error.answer;
      throw error;
    }
  }

  #withErrorEvent(answer: Answer, after: number | undefined): Answer {
    if (answer.kind === 'unary' || after === undefined) return answer;
    const error = failureEvent(this.#provider, this.settings, 500, `${this.name} fails in the stream`);
    return { ...answer, events: [...answer.events.slice(0, after), error] };
  }

  #faultAnswer(status: number, fault: Fault): Answer {
    if (fault.body === undefined) return this.#errorAnswer(status, `${this.name} says ${status}`);
    return { kind: 'unary', status, headers: { 'content-type': 'application/json' }, body: Buffer.from(fault.body) };
  }

  #errorAnswer(status: number, message: string): Answer {
    const { errorAnswer, errorBody } = this.#provider;
    return errorAnswer?.(status, message) ?? jsonAnswer(status, errorBody(status, message));
  }

  #signed(answer: Answer, request: RecordedRequest): Answer {
    const id = `req_${this.name}_${request.n}`;
    const idHeader = this.#provider.idHeader ?? 'x-request-id';
    return { ...answer, headers: { ...answer.headers, [idHeader]: id, 'x-fake': this.name } };
  }
}

/** A fake that already listens. */
export async function startFake(provider: Provider, options: FakeOptions): Promise<Fake> {
  const fake = new Fake(provider, options);
  await fake.accept();
  return fake;
}
