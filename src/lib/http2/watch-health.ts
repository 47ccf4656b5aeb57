/** The other side of grpc.health.v1.Health: whether a server takes requests, told as soon as that changes. */
import { type ClientHttp2Session, type ClientHttp2Stream, connect, constants } from 'node:http2';
import { createConnection, isIP } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { GatewayError } from '../errors.ts';
import { framed, MessageReader } from './messages.ts';

/** PEM. */
export interface HealthTls {
  readonly ca: Buffer;
  readonly cert?: Buffer;
  readonly key?: Buffer;
}

export interface HealthTarget {
  readonly address: { readonly host: string; readonly port: number } | { readonly path: string };
  /** Asked for at each connection; one that rejects is a server that cannot be reached. */
  readonly tls?: () => Promise<HealthTls>;
}

export interface HealthWatch {
  close(): void;
}

const RETRY_MS = 250;
const MAX_RETRY_MS = 2000;
/** A server that hangs says nothing, not even that: it is asked so often, and has so long to answer. */
const PING_EVERY_MS = 1000;
const PING_TIMEOUT_MS = 3000;
const CONNECT_TIMEOUT_MS = 2000;
const MAX_ANSWER_BYTES = 1024;
const SERVING = 1;

/** Watches until it is closed. `onChange` is told the first state and then each other one. */
export function watchHealth(target: HealthTarget, onChange: (isServing: boolean) => void): HealthWatch {
  let last: boolean | undefined;
  let isClosed = false;
  let retryMs = RETRY_MS;
  let session: ClientHttp2Session | undefined;
  let timer: NodeJS.Timeout | undefined;

  function tell(isServing: boolean): void {
    if (isClosed || isServing === last) return;
    last = isServing;
    onChange(isServing);
  }

  function retry(): void {
    tell(false);
    if (isClosed) return;
    timer = setTimeout(open, retryMs);
    retryMs = Math.min(2 * retryMs, MAX_RETRY_MS);
  }

  function open(): void {
    if (target.tls) target.tls().then(start, retry);
    else start();
  }

  function start(tls?: HealthTls): void {
    if (isClosed) return;
    const opened = openSession(target.address, tls);
    session = opened;
    const deadline = setTimeout(() => opened.destroy(), CONNECT_TIMEOUT_MS);
    opened.once('connect', () => {
      clearTimeout(deadline);
      pingOn(opened);
    });
    opened.on('error', () => undefined);
    opened.once('close', () => {
      clearTimeout(deadline);
      retry();
    });
    const call = opened.request({
      ':method': 'POST',
      ':path': '/grpc.health.v1.Health/Watch',
      'content-type': 'application/grpc',
      te: 'trailers',
    });
    readStates(call, (isServing) => {
      retryMs = RETRY_MS;
      tell(isServing);
    });
    call.on('error', () => undefined);
    call.once('close', () => opened.destroy());
    // One empty HealthCheckRequest.
    call.end(framed(new Uint8Array()));
  }

  open();
  return {
    close() {
      isClosed = true;
      clearTimeout(timer);
      session?.destroy();
    },
  };
}

function openSession(address: HealthTarget['address'], tls: HealthTls | undefined): ClientHttp2Session {
  const authority = 'path' in address ? 'localhost' : `${address.host}:${address.port}`;
  return connect(`${tls ? 'https' : 'http'}://${authority}`, {
    createConnection: () =>
      tls && !('path' in address)
        ? connectTls({
            host: address.host,
            port: address.port,
            ALPNProtocols: ['h2'],
            ...(isIP(address.host) === 0 && { servername: address.host }),
            ...tls,
          })
        : createConnection(address),
  });
}

function pingOn(session: ClientHttp2Session): void {
  let timeout: NodeJS.Timeout | undefined;
  const every = setInterval(() => {
    if (timeout !== undefined || session.destroyed) return;
    timeout = setTimeout(() => session.destroy(undefined, constants.NGHTTP2_CANCEL), PING_TIMEOUT_MS);
    session.ping(() => {
      clearTimeout(timeout);
      timeout = undefined;
    });
  }, PING_EVERY_MS);
  session.once('close', () => {
    clearInterval(every);
    clearTimeout(timeout);
  });
}

/** Each message is a HealthCheckResponse: nothing, or field 1 with the status. */
function readStates(call: ClientHttp2Stream, onState: (isServing: boolean) => void): void {
  const reader = new MessageReader(MAX_ANSWER_BYTES, (message) =>
    onState(message[0] === 0x08 && message[1] === SERVING),
  );
  call.on('data', (chunk: Buffer) => {
    try {
      reader.push(chunk);
    } catch (caught) {
      call.destroy(GatewayError.from(caught, 'unavailable'));
    }
  });
}
