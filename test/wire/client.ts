/** A raw xDS client over grpc-js that does only what a test tells it to. Codec: the schema's, not the server's own. */
import { connect as connectHttp2 } from 'node:http2';
import {
  type ChannelCredentials,
  type ClientDuplexStream,
  credentials,
  makeGenericClientConstructor,
  type StatusObject,
} from '@grpc/grpc-js';
import { discoveryCodec } from '../../src/envoy/schema/index.ts';
import { createSnapshot, type ResourceInput, type Snapshot, type XdsServer } from '../../src/xds/index.ts';

export type Variant = 'sotw' | 'delta';

/** Both kinds of responses in one shape. */
export interface Received {
  readonly typeUrl: string;
  readonly version: string;
  readonly nonce: string;
  /** Name and content of each resource, sorted by name. SotW resources of these tests begin with their name. */
  readonly resources: readonly (readonly [name: string, content: string])[];
  readonly removed: readonly string[];
  readonly bytes: number;
  readonly raw: Buffer;
}

export interface Ask {
  typeUrl?: string;
  nonce?: string;
  error?: { code: number; message: string };
  /** SotW: the whole list. */
  names?: string[];
  versionInfo?: string;
  subscribe?: string[];
  unsubscribe?: string[];
  initial?: Record<string, string>;
  node?: object | null;
}

export interface RawClient {
  ask(request: Ask): void;
  /** Accepts a response; SotW repeats `names`. */
  ack(response: Received, names?: string[]): void;
  nack(response: Received, message: string, names?: string[]): void;
  /** The next response, whatever its type. */
  next(timeoutMs?: number): Promise<Received>;
  /** Fails if anything arrives within the time. */
  quiet(ms?: number): Promise<void>;
  /** Resolves with the status at the end of the stream. */
  status(): Promise<StatusObject>;
  raw(bytes: Uint8Array): void;
  close(): void;
}

const AGGREGATED = '/envoy.service.discovery.v3.AggregatedDiscoveryService/';
const Generic = makeGenericClientConstructor({}, 'xds');
const pass = (bytes: Buffer): Buffer => bytes;

/** Options of a client: `path` for a per-type service. */
export interface ClientOptions {
  port: number;
  variant: Variant;
  node?: { id: string; cluster?: string; [field: string]: unknown };
  path?: string;
  /** Default: plaintext. */
  tls?: ChannelCredentials;
}

export function connect(options: ClientOptions): RawClient {
  const { port, variant, node = { id: 'n1', cluster: 'c1' }, path, tls } = options;
  const client = new Generic(`127.0.0.1:${port}`, tls ?? credentials.createInsecure(), {
    'grpc.max_receive_message_length': -1,
    'grpc.use_local_subchannel_pool': 1,
  });
  const method = path ?? `${AGGREGATED}${variant === 'sotw' ? 'Stream' : 'Delta'}AggregatedResources`;
  const call: ClientDuplexStream<Buffer, Buffer> = client.makeBidiStreamRequest(method, pass, pass);
  const queue: Received[] = [];
  let wake: (() => void) | undefined;
  let first = true;
  const ended = new Promise<StatusObject>((resolve) => call.on('status', resolve));
  call.on('error', () => undefined);
  call.on('data', (bytes: Buffer) => {
    queue.push(variant === 'sotw' ? decodeSotw(bytes) : decodeDelta(bytes));
    wake?.();
  });

  async function arrival(timeoutMs: number): Promise<boolean> {
    if (queue.length > 0) return true;
    return new Promise((resolve) => {
      const timer = setTimeout(() => finish(false), timeoutMs);
      const finish = (arrived: boolean): void => {
        clearTimeout(timer);
        wake = undefined;
        resolve(arrived);
      };
      wake = () => finish(true);
    });
  }

  function ask(request: Ask): void {
    const sender = request.node === null ? undefined : (request.node ?? (first ? node : undefined));
    first = false;
    const common = {
      ...(sender === undefined ? {} : { node: sender }),
      ...(request.typeUrl === undefined ? {} : { type_url: request.typeUrl }),
      ...(request.nonce === undefined ? {} : { response_nonce: request.nonce }),
      ...(request.error === undefined ? {} : { error_detail: request.error }),
    };
    const bytes =
      variant === 'sotw'
        ? discoveryCodec.encodeRequest({
            ...common,
            resource_names: request.names ?? [],
            version_info: request.versionInfo ?? '',
          })
        : discoveryCodec.encodeDeltaRequest({
            ...common,
            resource_names_subscribe: request.subscribe ?? [],
            resource_names_unsubscribe: request.unsubscribe ?? [],
            initial_resource_versions: request.initial ?? {},
          });
    call.write(Buffer.from(bytes));
  }

  return {
    ask,
    ack({ typeUrl, nonce, version }, names = []) {
      ask({ typeUrl, nonce, ...(variant === 'sotw' ? { versionInfo: version, names } : {}) });
    },
    nack({ typeUrl, nonce }, message, names = []) {
      ask({ typeUrl, nonce, error: { code: 13, message }, ...(variant === 'sotw' ? { names } : {}) });
    },
    async next(timeoutMs = 3000) {
      if (!(await arrival(timeoutMs))) throw new Error(`no response within ${timeoutMs} ms`);
      const [response] = queue.splice(0, 1);
      if (response === undefined) throw new Error('nothing queued');
      return response;
    },
    async quiet(ms = 120) {
      if (await arrival(ms)) throw new Error(`unexpected response ${JSON.stringify(queue[0])}`);
    },
    status: () => ended,
    raw: (bytes) => void call.write(Buffer.from(bytes)),
    close() {
      call.cancel();
      client.close();
    },
  };
}

function decodeSotw(bytes: Buffer): Received {
  const { type_url, version_info, nonce, resources } = discoveryCodec.decodeResponse(bytes);
  const named = (resources ?? []).map(({ value }): [string, string] => {
    const content = Buffer.from(value).toString();
    return [content.split('=')[0] ?? '', content];
  });
  return {
    typeUrl: type_url,
    version: version_info,
    nonce,
    resources: named.sort(),
    removed: [],
    bytes: bytes.length,
    raw: bytes,
  };
}

function decodeDelta(bytes: Buffer): Received {
  const { type_url, system_version_info, nonce, resources, removed_resources } =
    discoveryCodec.decodeDeltaResponse(bytes);
  const named = (resources ?? []).map(({ name, resource }): [string, string] => [
    name,
    Buffer.from(resource?.value ?? []).toString(),
  ]);
  const removed = [...(removed_resources ?? [])].sort();
  return {
    typeUrl: type_url,
    version: system_version_info ?? '',
    nonce,
    resources: named.sort(),
    removed,
    bytes: bytes.length,
    raw: bytes,
  };
}

/** A client that asks once and then never reads: what flow control lets through stays in its buffers. */
export function connectDeaf(
  port: number,
  typeUrl: string,
  names: string[],
  id = 'deaf',
): { listen(): void; close(): void } {
  const session = connectHttp2(`http://127.0.0.1:${port}`);
  session.on('error', () => undefined);
  const stream = session.request({
    ':method': 'POST',
    ':path': `${AGGREGATED}DeltaAggregatedResources`,
    'content-type': 'application/grpc',
    te: 'trailers',
  });
  stream.on('error', () => undefined);
  const message = discoveryCodec.encodeDeltaRequest({
    node: { id },
    type_url: typeUrl,
    resource_names_subscribe: names,
  });
  const head = Buffer.alloc(5);
  head.writeUInt32BE(message.length, 1);
  stream.write(Buffer.concat([head, message]));
  return { listen: () => void stream.resume(), close: () => session.destroy() };
}

/** A resource whose content is `name=content`: the tests do not need real messages, and the server must not either. */
export function resource(
  typeUrl: string,
  name: string,
  content = '1',
  requires: readonly { typeUrl: string; name: string }[] = [],
): ResourceInput {
  return { typeUrl, name, value: Buffer.from(`${name}=${content}`), ...(requires.length === 0 ? {} : { requires }) };
}

/** Publishes resources under a key, as the compiler would: on top of what was there. */
export function publisher(server: XdsServer): (key: string, resources: ResourceInput[]) => Snapshot {
  const last = new Map<string, Snapshot>();
  return (key, resources) => {
    const snapshot = createSnapshot(resources, last.get(key));
    last.set(key, snapshot);
    server.setSnapshot(key, snapshot);
    return snapshot;
  };
}
