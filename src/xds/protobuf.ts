/** The protobuf wire format, as much of it as the four discovery messages need. Works on offsets, copies nothing. */
import { GatewayError } from '../lib/errors.ts';
import { varintSize, writeVarint } from '../lib/varint.ts';

/** Length-delimited fields: `start` and `end` bound the payload. Varints: `value` holds the number. */
export type FieldVisitor = (field: number, start: number, end: number, value: number, tagStart: number) => void;

const VARINT = 0;
const FIXED64 = 1;
const BYTES = 2;
const FIXED32 = 5;

function broken(what: string): GatewayError {
  return new GatewayError('invalid_input', `the message is not valid protobuf: ${what}`);
}

/** Walks the fields of one message. Errors: GatewayError `invalid_input`. */
export function visitFields(bytes: Buffer, from: number, to: number, visit: FieldVisitor): void {
  let at = from;

  // Numbers above 2^53 lose precision; no field that is read here needs them.
  function varint(): number {
    let value = 0;
    let scale = 1;
    for (let i = 0; i < 10; i++) {
      if (at >= to) throw broken('a number is cut off');
      const byte = bytes[at++] ?? 0;
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) return value;
      scale *= 128;
    }
    throw broken('a number is too long');
  }

  while (at < to) {
    const tagStart = at;
    // Nearly all tags and lengths of a list of names are one byte.
    const first = bytes[at] ?? 0;
    const tag = first < 0x80 ? first : varint();
    if (first < 0x80) at += 1;
    const field = Math.floor(tag / 8);
    const wire = tag % 8;
    if (field === 0) throw broken('field number 0');
    let start = at;
    let value = 0;
    if (wire === VARINT) value = varint();
    else if (wire === BYTES) {
      const length = varint();
      start = at;
      at += length;
    } else if (wire === FIXED64) at += 8;
    else if (wire === FIXED32) at += 4;
    else throw broken(`wire type ${wire}`);
    if (at > to) throw broken('a field is cut off');
    visit(field, start, at, value, tagStart);
  }
}

export function readString(bytes: Buffer, start: number, end: number): string {
  return bytes.toString('utf8', start, end);
}

/** Size of a length-delimited field with its tag (field numbers below 16). */
export function fieldSize(length: number): number {
  return 1 + varintSize(length) + length;
}

/** Writes tag and length of a length-delimited field (field numbers below 16); returns the offset behind them. */
export function writeFieldHead(target: Buffer, offset: number, field: number, length: number): number {
  target[offset] = field * 8 + BYTES;
  return writeVarint(target, offset + 1, length);
}

/** Writes a string field whose byte length is known; returns the offset behind it. */
export function writeStringField(
  target: Buffer,
  offset: number,
  field: number,
  text: string,
  byteLength: number,
): number {
  const at = writeFieldHead(target, offset, field, byteLength);
  target.write(text, at, 'utf8');
  return at + byteLength;
}

/** A string field on its own. */
export function encodeStringField(field: number, text: string): Buffer {
  const length = Buffer.byteLength(text);
  const target = Buffer.allocUnsafe(fieldSize(length));
  writeStringField(target, 0, field, text, length);
  return target;
}

/** A varint field on its own. */
export function encodeVarintField(field: number, value: number): Buffer {
  const target = Buffer.allocUnsafe(1 + varintSize(value));
  target[0] = field * 8 + VARINT;
  writeVarint(target, 1, value);
  return target;
}

/** A length-delimited field on its own. */
export function encodeBytesField(field: number, bytes: Uint8Array): Buffer {
  const target = Buffer.allocUnsafe(fieldSize(bytes.length));
  target.set(bytes, writeFieldHead(target, 0, field, bytes.length));
  return target;
}
