/** The border to grpc-js: calls as carriers of streams, messages as bytes. */
import { constants, type Http2Stream } from 'node:http2';
import {
  logVerbosity,
  Metadata,
  type ServerDuplexStream,
  type ServerUnaryCall,
  type ServiceDefinition,
  type sendUnaryData,
  setLogVerbosity,
  type UntypedServiceImplementation,
} from '@grpc/grpc-js';
import { GatewayError } from '../lib/errors.ts';
import { STATUS_METHODS, XDS_METHODS } from './services.ts';
import type { Transport } from './transport.ts';
import { encodeNonce } from './wire.ts';

export type Call = ServerDuplexStream<Buffer, Buffer>;

/** Wraps a call as the carrier of a stream. */
export function createTransport(call: Call): Transport {
  let unread = 0;
  let blockedSince: number | undefined;
  const fail = (error: GatewayError): void => {
    call.emit('error', { code: error.grpcStatus, details: error.message, metadata: new Metadata() });
  };
  return {
    send(body, nonce) {
      unread += 1;
      blockedSince ??= performance.now();
      call.write(Buffer.concat([body, encodeNonce(nonce)]), () => {
        unread -= 1;
        blockedSince = unread === 0 ? undefined : performance.now();
      });
    },
    get idle() {
      return unread === 0;
    },
    get blockedSince() {
      return blockedSince;
    },
    fail,
    cut(error) {
      fail(error);
      // The status waits behind what is not read; grpc-js has nothing that ends a call without waiting.
      http2Stream(call)?.close(constants.NGHTTP2_ENHANCE_YOUR_CALM);
    },
    peer: call.getPeer(),
  };
}

function http2Stream(call: Call): Http2Stream | undefined {
  const inner: unknown = Reflect.get(call, 'call');
  const stream: unknown = typeof inner === 'object' && inner !== null ? Reflect.get(inner, 'stream') : undefined;
  const closes = typeof stream === 'object' && stream !== null && typeof Reflect.get(stream, 'close') === 'function';
  return closes ? (stream as Http2Stream) : undefined;
}

/** grpc-js writes to standard error on its own; what it says arrives here as errors anyway. */
export function silenceGrpcLog(): void {
  if (process.env.GRPC_VERBOSITY === undefined) setLogVerbosity(logVerbosity.NONE);
}

const passThrough = (bytes: Buffer): Buffer => bytes;

const bytesBothWays = {
  requestSerialize: passThrough,
  requestDeserialize: passThrough,
  responseSerialize: passThrough,
  responseDeserialize: passThrough,
};

/** One definition of all methods of all services, keyed by path; messages are bytes both ways. */
export function serviceDefinition(): ServiceDefinition {
  const streaming = [...XDS_METHODS.map(({ path }) => path), STATUS_METHODS.stream];
  return Object.fromEntries([
    ...streaming.map((path) => [path, { path, requestStream: true, responseStream: true, ...bytesBothWays }]),
    [
      STATUS_METHODS.fetch,
      { path: STATUS_METHODS.fetch, requestStream: false, responseStream: false, ...bytesBothWays },
    ],
  ]);
}

type UnaryCall = ServerUnaryCall<Buffer, Buffer>;

/** Handlers of the methods that answer each request by itself. `answer` throws what stands in its way. */
export function statusHandlers(
  answer: (request: Buffer, call: Pick<Call, 'getAuthContext'>) => Buffer,
  explain: (caught: unknown) => GatewayError,
): UntypedServiceImplementation {
  const failure = (caught: unknown) => {
    const { grpcStatus, message } = explain(caught);
    return { code: grpcStatus, details: message, metadata: new Metadata() };
  };
  return {
    [STATUS_METHODS.stream]: (call: Call) => {
      let open = true;
      call.on('data', (request: Buffer) => {
        if (!open) return;
        try {
          // What is not read yet waits: a client that only asks costs one answer.
          if (!call.write(answer(request, call))) {
            call.pause();
            call.once('drain', () => call.resume());
          }
        } catch (caught) {
          open = false;
          call.emit('error', failure(caught));
        }
      });
      call.on('end', () => call.end());
      call.on('error', () => undefined);
    },
    [STATUS_METHODS.fetch]: (call: UnaryCall, callback: sendUnaryData<Buffer>) => {
      try {
        callback(null, answer(call.request, call));
      } catch (caught) {
        callback(failure(caught));
      }
    },
  };
}

/** What stands in the way of listening. */
export function listenError(target: string, error: Error): GatewayError {
  if (error.message.includes('EADDRINUSE')) {
    return new GatewayError('port_in_use', `the xDS address ${target} is in use`, { cause: error });
  }
  return GatewayError.from(error, 'unavailable', `cannot listen on ${target}`);
}
