/** A client of grpc.health.v1 over grpc-js. */
import { type ChannelCredentials, credentials, makeGenericClientConstructor } from '@grpc/grpc-js';

const Generic = makeGenericClientConstructor({}, 'health');
const pass = (bytes: Buffer): Buffer => bytes;
/** By the number in HealthCheckResponse.status. */
const STATES = ['UNKNOWN', 'SERVING', 'NOT_SERVING'];

/** What a service says of itself from now on. Shape: `ended` is the gRPC status. */
export function watchHealth(
  address: string,
  tls: ChannelCredentials = credentials.createInsecure(),
): { readonly states: string[]; readonly ended: Promise<number>; close(): void } {
  const client = new Generic(address, tls, { 'grpc.use_local_subchannel_pool': 1 });
  const call = client.makeServerStreamRequest('/grpc.health.v1.Health/Watch', pass, pass, Buffer.alloc(0));
  const states: string[] = [];
  call.on('data', (bytes: Buffer) => states.push(STATES[bytes[1] ?? 0] ?? 'another'));
  call.on('error', () => undefined);
  const ended = new Promise<number>((resolve) => {
    call.once('status', ({ code }) => {
      client.close();
      resolve(code);
    });
  });
  return { states, ended, close: () => call.cancel() };
}
