/** Puts an answer on the wire, in the pieces and with the faults that the test asked for. */
import type { ServerResponse } from 'node:http';
import type { Http2ServerResponse } from 'node:http2';
import { constants as h2 } from 'node:http2';
import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises';
import {
  type BrotliCompress,
  brotliCompressSync,
  constants,
  createBrotliCompress,
  createDeflate,
  createGzip,
  type Deflate,
  deflateSync,
  type Gzip,
  gzipSync,
} from 'node:zlib';
import type { Answer } from './answer.ts';
import type { FakeSettings, Fault } from './settings.ts';

/** A response of either protocol. */
export type Responder = ServerResponse | Http2ServerResponse;

/** Resets the exchange: HTTP/1.1 with a TCP reset, HTTP/2 with RST_STREAM. */
export function resetExchange(response: Responder): void {
  if ('stream' in response) response.stream.close(h2.NGHTTP2_INTERNAL_ERROR);
  else response.socket?.resetAndDestroy();
}

/** Waits; ends early when the peer is gone, so that no timer outlives its test. */
export async function pause(response: Responder, ms: number): Promise<void> {
  const closed = new AbortController();
  const onClose = (): void => closed.abort();
  response.once('close', onClose);
  if (!isGone(response)) await sleep(ms, undefined, { signal: closed.signal }).catch(() => undefined);
  response.off('close', onClose);
}

/** Sends the answer; returns when it is out, or when the peer is gone. */
export async function sendAnswer(
  response: Responder,
  answer: Answer,
  settings: FakeSettings,
  fault: Fault,
  acceptEncoding: string,
): Promise<void> {
  const { compress = '' } = settings;
  const coding = settings.compressUnasked || acceptEncoding.includes(compress) ? compress : '';
  const headers: Record<string, string> = { ...answer.headers, ...settings.headers, ...fault.headers };
  if (coding !== '') headers['content-encoding'] = coding;
  const pieces = answer.kind === 'unary' ? [unaryBody(answer.body, coding)] : await streamPieces(answer.events, coding);
  if (answer.kind === 'unary' && settings.contentLength) headers['content-length'] = String(pieces[0]?.length ?? 0);
  response.writeHead(answer.status, headers);
  flushHeaders(response);
  if (fault.slowFirstByteMs !== undefined) await pause(response, fault.slowFirstByteMs);
  if (answer.kind === 'unary') await sendUnary(response, pieces[0] ?? Buffer.alloc(0), settings, fault);
  else await sendStream(response, pieces, settings, fault);
}

function flushHeaders(response: Responder): void {
  // Node's HTTP/2 response has the method; its type declaration does not.
  if ('flushHeaders' in response && typeof response.flushHeaders === 'function') response.flushHeaders();
}

async function sendUnary(response: Responder, body: Buffer, settings: FakeSettings, fault: Fault): Promise<void> {
  if (fault.cutAfterChunks === undefined) {
    await write(response, body, settings.splitBytes);
    response.end();
    return;
  }
  if (fault.cutAfterChunks > 0) await write(response, body.subarray(0, body.length >> 1), settings.splitBytes);
  await cut(response);
}

async function sendStream(response: Responder, pieces: Buffer[], settings: FakeSettings, fault: Fault): Promise<void> {
  for (const [index, piece] of pieces.entries()) {
    if (fault.cutAfterChunks === index) return cut(response);
    if (fault.stallAfterChunks === index) return;
    if (settings.chunkDelayMs > 0) await pause(response, settings.chunkDelayMs);
    if (isGone(response)) return;
    await write(response, piece, settings.splitBytes);
    // Events keep their own writes, as a model that generates them would send.
    await nextTurn();
  }
  response.end();
}

/** What was written before a cut must reach the peer, otherwise the test sees a reset before the first byte. */
async function cut(response: Responder): Promise<void> {
  await sleep(20);
  resetExchange(response);
}

async function write(response: Responder, bytes: Buffer, splitBytes: number | undefined): Promise<void> {
  const size = splitBytes ?? Math.max(1, bytes.length);
  for (let at = 0; at < bytes.length && !isGone(response); at += size) {
    const more = writePiece(response, bytes.subarray(at, at + size));
    if (!more) await drained(response);
    if (splitBytes !== undefined) await nextTurn();
  }
}

function writePiece(response: Responder, bytes: Buffer): boolean {
  return 'stream' in response ? response.write(bytes) : response.write(bytes);
}

function drained(response: Responder): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      response.off('drain', done);
      response.off('close', done);
      resolve();
    };
    response.on('drain', done);
    response.on('close', done);
  });
}

function isGone(response: Responder): boolean {
  return 'stream' in response ? response.stream?.destroyed !== false : response.destroyed;
}

function unaryBody(body: Buffer, coding: string): Buffer {
  if (coding === 'gzip') return gzipSync(body);
  if (coding === 'deflate') return deflateSync(body);
  return coding === 'br' ? brotliCompressSync(body) : body;
}

/** Each event compressed and flushed, so that every piece can be decoded when it arrives. */
async function streamPieces(events: readonly (string | Buffer)[], coding: string): Promise<Buffer[]> {
  if (coding === '') return events.map((event) => (typeof event === 'string' ? Buffer.from(event) : event));
  const coder = createCoder(coding);
  const out: Buffer[] = [];
  coder.on('data', (piece: Buffer) => out.push(piece));
  const pieces: Buffer[] = [];
  for (const event of events) {
    await new Promise<void>((resolve) => coder.write(event, () => resolve()));
    pieces.push(Buffer.concat(out.splice(0)));
  }
  await new Promise<void>((resolve) => {
    coder.on('end', () => resolve());
    coder.end();
  });
  return [...pieces, Buffer.concat(out)].filter((piece) => piece.length > 0);
}

function createCoder(coding: string): BrotliCompress | Deflate | Gzip {
  if (coding === 'br') return createBrotliCompress({ flush: constants.BROTLI_OPERATION_FLUSH });
  const options = { flush: constants.Z_SYNC_FLUSH };
  return coding === 'gzip' ? createGzip(options) : createDeflate(options);
}
