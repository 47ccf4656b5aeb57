/** The messages of the rate limit protocol on the wire; written by hand, for they are read and written for every request. */
import { GatewayError } from '../lib/errors.ts';
import { varintSize, writeVarint } from '../lib/varint.ts';

export interface Entry {
  readonly key: string;
  readonly value: string;
}

/** envoy.extensions.common.ratelimit.v3.RateLimitDescriptor. */
export interface Descriptor {
  readonly entries: readonly Entry[];
  readonly limit: { readonly requestsPerUnit: number; readonly unit: number; readonly multiplier: number } | undefined;
  /** Undefined: that of the request. */
  readonly hitsAddend: number | undefined;
  readonly isNegativeHits: boolean;
}

/** envoy.service.ratelimit.v3.RateLimitRequest. */
export interface RateLimitRequest {
  readonly domain: string;
  readonly descriptors: readonly Descriptor[];
  /** 0 counts as 1, as the protocol says. */
  readonly hitsAddend: number;
}

/** Hits above it are counted as so many: a bucket must stay a whole number that both stores can hold. */
export const MAX_HITS = 2 ** 50;

function broken(what: string): GatewayError {
  return new GatewayError('invalid_input', `the request is not a RateLimitRequest: ${what}`);
}

/** A position in a message. One object a request, since closures would cost more than the parsing. */
class Reader {
  readonly bytes: Buffer;
  at = 0;
  end: number;
  wire = 0;

  constructor(bytes: Buffer) {
    this.bytes = bytes;
    this.end = bytes.length;
  }

  /** Numbers above 2^53 lose precision; hits are capped below that. */
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

  /** The end of a length-delimited field. */
  length(): number {
    if (this.wire !== 2) throw broken('a field has the wrong type');
    const end = this.varint() + this.at;
    if (end > this.end) throw broken('a field is cut off');
    return end;
  }

  number(): number {
    if (this.wire !== 0) throw broken('a field has the wrong type');
    return this.varint();
  }

  /** Envoy copies header values as they are: what is no UTF-8 must be limited too, not fail and so go unlimited. */
  text(): string {
    const end = this.length();
    const start = this.at;
    this.at = end;
    for (let i = start; i < end; i++) if ((this.bytes[i] ?? 0) > 0x7f) return this.bytes.toString('utf8', start, end);
    return this.bytes.toString('latin1', start, end);
  }

  skip(): void {
    if (this.wire === 0) this.varint();
    else if (this.wire === 2) this.at = this.length();
    else if (this.wire === 1 || this.wire === 5) this.at += this.wire === 1 ? 8 : 4;
    else throw broken(`wire type ${this.wire}`);
    if (this.at > this.end) throw broken('a field is cut off');
  }

  /** Reads a message field: `read` sees its bytes alone. */
  message<T>(read: (reader: Reader) => T): T {
    const outer = this.end;
    this.end = this.length();
    const value = read(this);
    this.end = outer;
    return value;
  }
}

/** Errors: GatewayError `invalid_input`. */
export function decodeRequest(bytes: Buffer): RateLimitRequest {
  const reader = new Reader(bytes);
  const descriptors: Descriptor[] = [];
  let domain = '';
  let hitsAddend = 0;
  for (let field = reader.field(); field !== 0; field = reader.field()) {
    if (field === 1) domain = reader.text();
    else if (field === 2) descriptors.push(reader.message(readDescriptor));
    else if (field === 3) hitsAddend = reader.number();
    else reader.skip();
  }
  return { domain, descriptors, hitsAddend };
}

function readDescriptor(reader: Reader): Descriptor {
  const entries: Entry[] = [];
  let limit: Descriptor['limit'];
  let hitsAddend: number | undefined;
  let isNegativeHits = false;
  for (let field = reader.field(); field !== 0; field = reader.field()) {
    if (field === 1) entries.push(reader.message(readEntry));
    else if (field === 2) limit = reader.message(readOverride);
    else if (field === 3) hitsAddend = Math.min(reader.message(readWrapped), MAX_HITS);
    else if (field === 4) isNegativeHits = reader.number() !== 0;
    else reader.skip();
  }
  return { entries, limit, hitsAddend, isNegativeHits };
}

function readEntry(reader: Reader): Entry {
  let key = '';
  let value = '';
  for (let field = reader.field(); field !== 0; field = reader.field()) {
    if (field === 1) key = reader.text();
    else if (field === 2) value = reader.text();
    else reader.skip();
  }
  return { key, value };
}

function readOverride(reader: Reader): Descriptor['limit'] {
  let requestsPerUnit = 0;
  let unit = 0;
  let multiplier = 1;
  for (let field = reader.field(); field !== 0; field = reader.field()) {
    if (field === 1) requestsPerUnit = reader.number();
    else if (field === 2) unit = reader.number();
    else if (field === 3) multiplier = reader.message(readWrapped);
    else reader.skip();
  }
  return { requestsPerUnit, unit, multiplier };
}

function readWrapped(reader: Reader): number {
  let value = 0;
  for (let field = reader.field(); field !== 0; field = reader.field()) {
    if (field === 1) value = reader.number();
    else reader.skip();
  }
  return value;
}

export const CODE = { ok: 1, overLimit: 2 } as const;
export type Code = (typeof CODE)[keyof typeof CODE];

/** RateLimitResponse.DescriptorStatus. */
export interface Status {
  readonly code: Code;
  /** RateLimitResponse.RateLimit, encoded. */
  readonly limit: Buffer | undefined;
  readonly remaining: number;
  readonly resetSeconds: number;
}

export interface HeaderValue {
  readonly key: string;
  readonly value: string;
}

export interface RateLimitResponse {
  readonly code: Code;
  readonly statuses: readonly Status[];
  readonly responseHeaders: readonly HeaderValue[];
  /** google.protobuf.Struct, encoded. */
  readonly dynamicMetadata: Uint8Array | undefined;
}

function statusSize({ limit, remaining, resetSeconds }: Status): number {
  let size = 2;
  if (limit) size += 1 + varintSize(limit.length) + limit.length;
  if (remaining > 0) size += 1 + varintSize(remaining);
  if (resetSeconds > 0) size += 3 + varintSize(resetSeconds);
  return size;
}

function writeStatus(target: Buffer, offset: number, status: Status): number {
  const { code, limit, remaining, resetSeconds } = status;
  let at = offset;
  target[at++] = 0x08;
  target[at++] = code;
  if (limit) {
    target[at++] = 0x12;
    at = writeVarint(target, at, limit.length);
    target.set(limit, at);
    at += limit.length;
  }
  if (remaining > 0) {
    target[at++] = 0x18;
    at = writeVarint(target, at, remaining);
  }
  if (resetSeconds > 0) {
    target[at++] = 0x22;
    target[at++] = 1 + varintSize(resetSeconds);
    target[at++] = 0x08;
    at = writeVarint(target, at, resetSeconds);
  }
  return at;
}

function field(number: number, value: Uint8Array): Buffer {
  const head = Buffer.allocUnsafe(1 + varintSize(value.length));
  head[0] = number * 8 + 2;
  writeVarint(head, 1, value.length);
  return Buffer.concat([head, value]);
}

function encodeHeader({ key, value }: HeaderValue): Buffer {
  return Buffer.concat([field(1, Buffer.from(key)), field(2, Buffer.from(value))]);
}

export function encodeResponse({ code, statuses, responseHeaders, dynamicMetadata }: RateLimitResponse): Buffer {
  const tail = responseHeaders.map((header) => field(3, encodeHeader(header)));
  if (dynamicMetadata) tail.push(field(6, dynamicMetadata));
  let size = 2;
  const sizes = statuses.map(statusSize);
  for (const one of sizes) size += 1 + varintSize(one) + one;
  for (const one of tail) size += one.length;
  const target = Buffer.allocUnsafe(size);
  target[0] = 0x08;
  target[1] = code;
  let at = 2;
  statuses.forEach((status, i) => {
    target[at++] = 0x12;
    at = writeVarint(target, at, sizes[i] ?? 0);
    at = writeStatus(target, at, status);
  });
  for (const one of tail) {
    target.set(one, at);
    at += one.length;
  }
  return target;
}

/** RateLimitResponse.RateLimit. */
export function encodeLimit(limit: {
  requestsPerUnit: number;
  unit: number;
  name: string;
  multiplier: number;
}): Buffer {
  const parts: number[] = [];
  const number = (tag: number, value: number): void => {
    if (value === 0) return;
    const bytes = Buffer.allocUnsafe(varintSize(value));
    writeVarint(bytes, 0, value);
    parts.push(tag, ...bytes);
  };
  number(0x08, limit.requestsPerUnit);
  number(0x10, limit.unit);
  const name = limit.name === '' ? Buffer.alloc(0) : field(3, Buffer.from(limit.name));
  const head = Buffer.from(parts);
  if (limit.multiplier === 1) return Buffer.concat([head, name]);
  const multiplier = Buffer.allocUnsafe(1 + varintSize(limit.multiplier));
  multiplier[0] = 0x08;
  writeVarint(multiplier, 1, limit.multiplier);
  return Buffer.concat([head, name, field(4, multiplier)]);
}
