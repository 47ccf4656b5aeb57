/** The border to grpc-js: calls as carriers of streams, messages as bytes. */
import {
  logVerbosity,
  Metadata,
  type ServerDuplexStream,
  type ServiceDefinition,
  setLogVerbosity,
} from '@grpc/grpc-js';
import { GatewayError } from '../lib/errors.ts';
import { XDS_METHODS } from './services.ts';
import type { Transport } from './stream.ts';
import { encodeNonce } from './wire.ts';

export type Call = ServerDuplexStream<Buffer, Buffer>;

/** Wraps a call as the carrier of a stream. */
export function createTransport(call: Call): Transport {
  let unread = 0;
  return {
    send(body, nonce) {
      unread += 1;
      call.write(Buffer.concat([body, encodeNonce(nonce)]), () => {
        unread -= 1;
      });
    },
    get idle() {
      return unread === 0;
    },
    fail(error) {
      call.emit('error', { code: error.grpcStatus, details: error.message, metadata: new Metadata() });
    },
    peer: call.getPeer(),
  };
}

/** grpc-js writes to standard error on its own; what it says arrives here as errors anyway. */
export function silenceGrpcLog(): void {
  if (process.env.GRPC_VERBOSITY === undefined) setLogVerbosity(logVerbosity.NONE);
}

const passThrough = (bytes: Buffer): Buffer => bytes;

/** One definition of all methods of all services, keyed by path; messages are bytes both ways. */
export function serviceDefinition(): ServiceDefinition {
  return Object.fromEntries(
    XDS_METHODS.map(({ path }) => [
      path,
      {
        path,
        requestStream: true,
        responseStream: true,
        requestSerialize: passThrough,
        requestDeserialize: passThrough,
        responseSerialize: passThrough,
        responseDeserialize: passThrough,
      },
    ]),
  );
}

/** What stands in the way of listening. */
export function listenError(target: string, error: Error): GatewayError {
  if (error.message.includes('EADDRINUSE')) {
    return new GatewayError('port_in_use', `the xDS address ${target} is in use`, { cause: error });
  }
  return GatewayError.from(error, 'unavailable', `cannot listen on ${target}`);
}
