/** The messages of Envoy's external processing on the wire; written by hand, for each chunk of each stream is one. */
import { GatewayError } from '../lib/errors.ts';
import { varintSize, writeVarint } from '../lib/varint.ts';

/** What Envoy sends: envoy.service.ext_proc.v3.ProcessingRequest, as much of it as its configuration here makes it send. */
export interface ProcessingRequest {
  readonly phase: 'request_headers' | 'request_body' | 'response_body' | 'other';
  /** A view of the message. */
  readonly body: Buffer;
  readonly endOfStream: boolean;
  /** Those that are text or numbers, by expression. */
  readonly attributes: ReadonlyMap<string, string>;
}

/** What happens to a body. */
export interface BodyAnswer {
  readonly phase: 'request_body' | 'response_body';
  /** Absent: as it is. */
  readonly body?: Uint8Array;
  /** Dynamic metadata: texts by key, in one namespace. */
  readonly metadata?: {
    readonly namespace: string;
    readonly values: readonly (readonly [key: string, value: string])[];
  };
}

/** An answer to the client in place of the provider's. */
export interface ImmediateAnswer {
  readonly status: number;
  readonly body: Uint8Array;
  readonly headers: readonly (readonly [name: string, value: string])[];
  /** Envoy's response code details: one word for its log. */
  readonly details: string;
}

const FIELD = { requestHeaders: 2, requestBody: 4, responseBody: 5, attributes: 9 } as const;
/** Fields of a ProcessingResponse. */
const RESPONSE = { request_body: 3, response_body: 4 } as const;
const EMPTY = Buffer.alloc(0);
const NO_ATTRIBUTES: ReadonlyMap<string, string> = new Map();

function broken(what: string): GatewayError {
  return new GatewayError('invalid_input', `the message is not a ProcessingRequest: ${what}`);
}

/** A position in a message. One object a message, since closures would cost more than the parsing. */
class Reader {
  readonly bytes: Buffer;
  at: number;
  end: number;
  wire = 0;

  constructor(bytes: Buffer, from: number, end: number) {
    this.bytes = bytes;
    this.at = from;
    this.end = end;
  }

  varint(): number {
    let value = 0;
    let scale = 1;
    for (let i = 0; i < 10; i++) {
      if (this.at >= this.end) throw broken('a number is cut off');
      const byte = this.bytes[this.at++] ?? 0;
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) return value;
      scale *= 128;
    }
    throw broken('a number is too long');
  }

  /** The next field number; 0 at the end. */
  field(): number {
    if (this.at >= this.end) return 0;
    const tag = this.varint();
    this.wire = tag % 8;
    const field = Math.floor(tag / 8);
    if (field === 0) throw broken('field number 0');
    return field;
  }

  /** Passes over a length-delimited field; gives its bounds as a reader. */
  inner(): Reader {
    if (this.wire !== 2) throw broken('a field has the wrong type');
    const size = this.varint();
    const start = this.at;
    if (start + size > this.end) throw broken('a field is cut off');
    this.at = start + size;
    return new Reader(this.bytes, start, this.at);
  }

  text(): string {
    const { at, end } = this.inner();
    return this.bytes.toString('utf8', at, end);
  }

  skip(): void {
    if (this.wire === 0) this.varint();
    else if (this.wire === 2) this.inner();
    else if (this.wire === 1 || this.wire === 5) this.at += this.wire === 1 ? 8 : 4;
    else throw broken(`wire type ${this.wire}`);
    if (this.at > this.end) throw broken('a field is cut off');
  }
}

/** Errors: GatewayError `invalid_input`. */
export function decodeProcessingRequest(bytes: Buffer): ProcessingRequest {
  const reader = new Reader(bytes, 0, bytes.length);
  let phase: ProcessingRequest['phase'] = 'other';
  let body: Buffer = EMPTY;
  let endOfStream = false;
  let attributes: Map<string, string> | undefined;
  for (let field = reader.field(); field !== 0; field = reader.field()) {
    if (field === FIELD.requestBody || field === FIELD.responseBody) {
      phase = field === FIELD.requestBody ? 'request_body' : 'response_body';
      const inner = reader.inner();
      for (let part = inner.field(); part !== 0; part = inner.field()) {
        if (part === 1) {
          const { at, end } = inner.inner();
          body = bytes.subarray(at, end);
        } else if (part === 2) endOfStream = inner.varint() !== 0;
        else inner.skip();
      }
    } else if (field === FIELD.attributes) {
      attributes ??= new Map();
      readAttributes(reader.inner(), attributes);
    } else {
      if (field === FIELD.requestHeaders) phase = 'request_headers';
      reader.skip();
    }
  }
  return { phase, body, endOfStream, attributes: attributes ?? NO_ATTRIBUTES };
}

/** One entry of map<string, google.protobuf.Struct>: the name of the filter, which says nothing, and its values. */
function readAttributes(entry: Reader, attributes: Map<string, string>): void {
  for (let field = entry.field(); field !== 0; field = entry.field()) {
    if (field !== 2) {
      entry.skip();
      continue;
    }
    const struct = entry.inner();
    for (let part = struct.field(); part !== 0; part = struct.field()) {
      if (part === 1) readValue(struct.inner(), attributes);
      else struct.skip();
    }
  }
}

/** One entry of a Struct. */
function readValue(entry: Reader, attributes: Map<string, string>): void {
  let key = '';
  for (let field = entry.field(); field !== 0; field = entry.field()) {
    if (field === 1) key = entry.text();
    else if (field === 2) {
      const value = entry.inner();
      for (let kind = value.field(); kind !== 0; kind = value.field()) {
        if (kind === 3) attributes.set(key, value.text());
        else if (kind === 2 && value.wire === 1) {
          if (value.at + 8 > value.end) throw broken('a number is cut off');
          attributes.set(key, String(value.bytes.readDoubleLE(value.at)));
          value.at += 8;
        } else value.skip();
      }
    } else entry.skip();
  }
}

/** Shape: a ProcessingResponse. */
export function encodeBodyAnswer(answer: BodyAnswer): Buffer {
  const { phase, body, metadata } = answer;
  if (body && body.length > 0) {
    const { target, at } = beginBodyAnswer(answer, body.length, body.length);
    target.set(body, at);
    return target;
  }
  // An empty body has to be said in another way than by leaving it out: BodyMutation.clear_body.
  const response = body ? field(1, field(3, Buffer.from([2 * 8, 1]))) : EMPTY;
  return Buffer.concat([field(RESPONSE[phase], response), metadata ? field(8, encodeMetadata(metadata)) : EMPTY]);
}

/** The same but for the body, which is the end of it. */
export function encodeBodyHead(answer: BodyAnswer, bodySize: number): Buffer {
  return beginBodyAnswer(answer, bodySize, 0).target;
}

/** Shape: `at` is where the body goes, for which there is `room`. */
function beginBodyAnswer(
  { phase, metadata }: BodyAnswer,
  bodySize: number,
  room: number,
): { readonly target: Buffer; readonly at: number } {
  const dynamic = metadata ? field(8, encodeMetadata(metadata)) : EMPTY;
  // Inside out: BodyMutation in CommonResponse in BodyResponse, each a length in front of the next.
  const mutation = 1 + varintSize(bodySize) + bodySize;
  const common = 1 + varintSize(mutation) + mutation;
  const response = 1 + varintSize(common) + common;
  const target = Buffer.allocUnsafe(dynamic.length + 1 + varintSize(response) + response - bodySize + room);
  target.set(dynamic);
  let at = head(target, dynamic.length, RESPONSE[phase], response);
  at = head(target, at, 1, common);
  at = head(target, at, 3, mutation);
  return { target, at: head(target, at, 1, bodySize) };
}

/** Shape: a ProcessingRequest as Envoy sends it. */
export function encodeProcessingRequest({ phase, body, endOfStream, attributes }: ProcessingRequest): Buffer {
  const values = [...attributes].map(([key, value]) => entry(key, field(3, Buffer.from(value))));
  const filter = Buffer.concat([field(1, Buffer.from('envoy.filters.http.ext_proc')), field(2, Buffer.concat(values))]);
  return Buffer.concat([
    field(
      phase === 'request_body' ? FIELD.requestBody : FIELD.responseBody,
      Buffer.concat([field(1, body), Buffer.from([2 * 8, endOfStream ? 1 : 0])]),
    ),
    ...(values.length > 0 ? [field(FIELD.attributes, filter)] : []),
  ]);
}

/** Shape: a ProcessingResponse. */
export function encodeImmediateAnswer({ status, body, headers, details }: ImmediateAnswer): Buffer {
  const code = Buffer.allocUnsafe(1 + varintSize(status));
  code[0] = 8;
  writeVarint(code, 1, status);
  return field(
    7,
    Buffer.concat([field(1, code), field(2, encodeHeaders(headers)), field(3, body), field(5, Buffer.from(details))]),
  );
}

/**
 * The same as an answer of the provider's, which Envoy may retry. Shape: two ProcessingResponses, StreamedImmediateResponse
 * with the headers, then with the body.
 */
export function encodeStreamedAnswer({ status, body, headers }: Omit<ImmediateAnswer, 'details'>): [Buffer, Buffer] {
  const values = [[':status', String(status)] as const, ...headers].map(([name, value]) =>
    field(1, Buffer.concat([field(1, Buffer.from(name)), field(3, Buffer.from(value))])),
  );
  const isLast = Buffer.from([2 * 8, 1]);
  return [
    field(11, field(1, field(1, Buffer.concat(values)))),
    field(11, field(2, Buffer.concat([field(1, body), isLast]))),
  ];
}

/** HeaderMutation: each header replaces what is there under its name. */
function encodeHeaders(headers: readonly (readonly [string, string])[]): Buffer {
  return Buffer.concat(
    headers.map(([name, value]) => {
      const header = Buffer.concat([field(1, Buffer.from(name)), field(3, Buffer.from(value))]);
      // append_action: OVERWRITE_IF_EXISTS_OR_ADD.
      return field(1, Buffer.concat([field(1, header), Buffer.from([3 * 8, 2])]));
    }),
  );
}

/** A Struct of Structs of texts. */
function encodeMetadata({ namespace, values }: NonNullable<BodyAnswer['metadata']>): Buffer {
  const inner = Buffer.concat(values.map(([key, value]) => entry(key, field(3, Buffer.from(value)))));
  return entry(namespace, field(5, inner));
}

/** A field of a Struct; `value` is the content of a Value. */
function entry(key: string, value: Buffer): Buffer {
  return field(1, Buffer.concat([field(1, Buffer.from(key)), field(2, value)]));
}

function field(number: number, bytes: Uint8Array): Buffer {
  const target = Buffer.allocUnsafe(1 + varintSize(bytes.length) + bytes.length);
  target.set(bytes, head(target, 0, number, bytes.length));
  return target;
}

/** Tag and length of a length-delimited field; gives the offset behind them. */
function head(target: Buffer, at: number, number: number, length: number): number {
  target[at] = number * 8 + 2;
  return writeVarint(target, at + 1, length);
}
