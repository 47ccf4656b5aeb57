/** Limits from a control plane over xDS: one SotW stream, opened again for as long as the service lives. */
import { type ClientHttp2Session, type ClientHttp2Stream, connect, constants } from 'node:http2';
import { decodeMessage, discoveryCodec, typeUrl } from '../envoy/schema/index.ts';
import type { LimitsConfig, LimitsDomain } from '../ir/index.ts';
import { GatewayError } from '../lib/errors.ts';
import { framed, MessageReader } from '../lib/http2/messages.ts';
import type { Logger } from '../telemetry/index.ts';

/** What a client of a control plane with TLS needs. */
export interface XdsClientTls {
  readonly ca?: Buffer;
  readonly cert?: Buffer;
  readonly key?: Buffer;
}

export interface XdsLimitsOptions {
  readonly address: { readonly host: string; readonly port: number };
  readonly node: { readonly id: string; readonly cluster: string };
  /** Asked for at each connection; undefined for plaintext. */
  readonly tls: () => Promise<XdsClientTls | undefined>;
  readonly logger: Logger;
  /** Gets the limits at each change. Errors: throws where they cannot be used; then the control plane is told. */
  readonly use: (config: LimitsConfig) => void;
  /** Waits between attempts grow from the first to the second, in milliseconds. */
  readonly backoffMs?: readonly [number, number];
  /** A connection without an answer to a ping within so long is given up. */
  readonly keepaliveMs?: number;
}

export interface XdsLimits {
  readonly isConnected: boolean;
  close(): void;
}

const METHOD = '/envoy.service.discovery.v3.AggregatedDiscoveryService/StreamAggregatedResources';
/** A domain as Headgate's control plane has it, with all that its limits can say. */
const TYPE_URL = typeUrl('xds.type.v3.TypedStruct');
const MAX_BYTES = 256 * 1024 * 1024;

/** Begins to connect. What was received stays in use while the control plane is away. */
export function openXdsLimits(options: XdsLimitsOptions): XdsLimits {
  const { address, node, logger, use, backoffMs: [minMs, maxMs] = [250, 10_000], keepaliveMs = 15_000 } = options;
  const log = { component: 'ratelimit', xds: `${address.host}:${address.port}` };
  let session: ClientHttp2Session | undefined;
  let timer: NodeJS.Timeout | undefined;
  let isClosed = false;
  let isConnected = false;
  let version = '';
  let waitMs = minMs;
  let trouble = '';

  function again(reason: string): void {
    isConnected = false;
    if (isClosed || timer) return;
    if (reason !== trouble) logger.warn({ ...log, reason }, 'no limits from the control plane: those known count on');
    trouble = reason;
    // A fleet that lost its control plane does not come back as one.
    timer = setTimeout(
      () => {
        timer = undefined;
        void open();
      },
      waitMs * (0.5 + Math.random()),
    );
    waitMs = Math.min(maxMs, waitMs * 2);
  }

  async function open(): Promise<void> {
    try {
      const tls = await options.tls();
      if (!isClosed) start(tls);
    } catch (caught) {
      again(GatewayError.from(caught, 'unavailable').message);
    }
  }

  function start(tls: XdsClientTls | undefined): void {
    const host = address.host.includes(':') ? `[${address.host}]` : address.host;
    const own = connect(`${tls ? 'https' : 'http'}://${host}:${address.port}`, { ...tls });
    session = own;
    const pings = setInterval(() => ping(own, keepaliveMs), keepaliveMs);
    const end = (reason: string): void => {
      clearInterval(pings);
      own.destroy();
      if (session === own) {
        session = undefined;
        again(reason);
      }
    };
    own.on('error', (error) => end(error.message));
    own.on('close', () => end('the connection was closed'));
    own.on('goaway', () => end('the control plane goes away'));
    const stream = own.request({
      ':method': 'POST',
      ':path': METHOD,
      'content-type': 'application/grpc',
      te: 'trailers',
    });
    let refusal: string | undefined;
    const noteRefusal = (headers: Readonly<Record<string, unknown>>): void => {
      const message = headers['grpc-message'];
      if (headers['grpc-status'] !== undefined) refusal = decodeURIComponent(String(message ?? headers['grpc-status']));
    };
    stream.on('response', noteRefusal);
    stream.on('trailers', noteRefusal);
    stream.on('error', (error) => end(error.message));
    stream.on('close', () => end(refusal ?? 'the stream has ended'));
    const reader = new MessageReader(MAX_BYTES, (message) => take(stream, message));
    stream.on('data', (chunk: Buffer) => {
      try {
        reader.push(chunk);
      } catch (caught) {
        end(GatewayError.from(caught, 'unavailable').message);
      }
    });
    send(stream, { node: { ...node, user_agent_name: 'headgate' }, version_info: version });
  }

  function take(stream: ClientHttp2Stream, message: Buffer): void {
    const response = discoveryCodec.decodeResponse(message);
    isConnected = true;
    waitMs = minMs;
    trouble = '';
    try {
      use(limitsFrom(response.resources));
      version = response.version_info;
      logger.info({ ...log, version }, 'limits received');
      send(stream, { version_info: version, response_nonce: response.nonce });
    } catch (caught) {
      const { message: reason } = GatewayError.from(caught, 'invalid_input');
      logger.warn({ ...log, reason }, 'limits that cannot be used; those known count on');
      send(stream, {
        version_info: version,
        response_nonce: response.nonce,
        error_detail: { code: 3, message: reason },
      });
    }
  }

  void open();
  return {
    get isConnected() {
      return isConnected;
    },
    close() {
      isClosed = true;
      clearTimeout(timer);
      session?.destroy();
    },
  };
}

/** Errors: GatewayError `invalid_input`. */
function limitsFrom(resources: readonly { readonly type_url: string; readonly value: Uint8Array }[]): LimitsConfig {
  const domains = resources.map(({ type_url, value }) => {
    if (type_url !== TYPE_URL) throw new GatewayError('invalid_input', `a resource of type ${type_url}`);
    const { value: domain } = decodeMessage('xds.type.v3.TypedStruct', value) as { value?: unknown };
    return domain as LimitsDomain;
  });
  return { domains };
}

function send(stream: ClientHttp2Stream, request: object): void {
  stream.write(framed(discoveryCodec.encodeRequest({ type_url: TYPE_URL, ...request })));
}

function ping(session: ClientHttp2Session, timeoutMs: number): void {
  if (session.destroyed) return;
  if (session.connecting) return void session.destroy(new Error('no connection'));
  const timer = setTimeout(
    () => session.destroy(new Error('no answer to a ping'), constants.NGHTTP2_CANCEL),
    timeoutMs,
  );
  timer.unref();
  session.ping((error) => {
    clearTimeout(timer);
    if (error && !session.destroyed) session.destroy(error);
  });
}
