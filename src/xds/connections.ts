/** Streams from their first byte to their last: whose they are, what they shall have, and what ends them. */
import { setTimeout as sleep } from 'node:timers/promises';
import { GatewayError } from '../lib/errors.ts';
import type { Admission } from './admission.ts';
import type { Call, CallHandler } from './grpc.ts';
import { takeRequest } from './intake.ts';
import { type NodeInfo, pausesClusters, supportsTtl } from './node.ts';
import { inOrder, type NodeRecord, type Nodes } from './nodes.ts';
import type { Rollouts } from './rollout.ts';
import { DEFAULTS, type XdsServerOptions } from './server-options.ts';
import type { XdsMethod } from './services.ts';
import { type StreamShared, XdsStream } from './stream.ts';
import { watchStuck } from './stuck.ts';

interface Connection {
  readonly stream: XdsStream;
  readonly method: XdsMethod;
  readonly transport: Call;
  readonly openedAt: number;
  record: NodeRecord | undefined;
  readonly identified: boolean;
}

export interface ConnectionsContext {
  readonly nodes: Nodes;
  readonly admission: Admission;
  readonly rollouts: () => Pick<Rollouts, 'goal' | 'noteProgress'>;
  readonly shared: () => StreamShared;
}

export interface Connections {
  accept(transport: Call, method: XdsMethod): CallHandler;
  recordOf(stream: XdsStream): NodeRecord | undefined;
  /** Something went wrong on a stream: its client is told. */
  fail(stream: XdsStream, caught: unknown): void;
  /** What a client is told of an error; of a bug, nothing. */
  explain(caught: unknown, peer?: string): GatewayError;
  /** Gives a node what it shall have now. */
  steer(record: NodeRecord): void;
  /** Asks `resolve` again for every node. */
  reresolve(): void;
  /** Ends the streams that `authorize` refuses now. */
  reauthorize(): void;
  /** Takes no more of them. */
  refuseMore(): void;
  /** Ends all that are open, spread over the time. */
  drain(timeoutMs: number): Promise<void>;
  close(): void;
}

export function createConnections(options: XdsServerOptions, context: ConnectionsContext): Connections {
  const { logger } = options;
  const { nodes, admission } = context;
  const limits = { ...DEFAULTS, ...options.limits };
  const connections = new Map<XdsStream, Connection>();
  const stopWatching = watchStuck(
    limits.stuckMs,
    () => connections.values(),
    ({ transport, record }, error) => {
      logger.warn({ peer: transport.peer, node: record?.node.id, reason: error.message }, 'client cut off');
      transport.cut(error);
    },
  );
  let streamIds = 0;
  let isClosing = false;

  function accept(transport: Call, method: XdsMethod): CallHandler {
    const full = connections.size >= limits.maxStreams;
    if (isClosing || full) {
      const why = full ? `more than ${limits.maxStreams} streams` : 'the server is shutting down';
      transport.fail(new GatewayError(full ? 'limit_exceeded' : 'unavailable', why));
      return { message: () => undefined, closed: () => undefined };
    }
    streamIds += 1;
    const stream = new XdsStream(streamIds, method.variant, method.typeUrl, transport, context.shared());
    const connection: Connection = {
      stream,
      method,
      transport,
      openedAt: performance.now(),
      record: undefined,
      get identified() {
        return this.record !== undefined;
      },
    };
    connections.set(stream, connection);
    let open = true;
    const end = (): void => {
      if (!open) return;
      open = false;
      depart(connection);
    };
    return {
      message(bytes) {
        if (!open) return;
        try {
          receive(connection, bytes);
        } catch (caught) {
          end();
          refuse(connection, caught);
        }
      },
      closed: end,
    };
  }

  function receive(connection: Connection, bytes: Buffer): void {
    const { stream, method, record } = connection;
    const identified = record !== undefined;
    takeRequest(bytes, {
      stream,
      method,
      limits,
      identify: identified ? undefined : (node) => identify(connection, node),
    });
    stream.setGoal(connection.record && context.rollouts().goal(connection.record));
    stream.pump();
  }

  function identify(connection: Connection, node: NodeInfo | undefined): void {
    if (node === undefined || node.id === '') {
      throw new GatewayError('invalid_input', 'the first request of a stream needs a node with an id');
    }
    admission.admit(connection.transport, node);
    const { record, isNew } = nodes.attach(node, connection.stream);
    connection.record = record;
    connection.stream.withTtl = supportsTtl(node, connection.stream.variant);
    connection.stream.pausesClusters = pausesClusters(node);
    const key = options.resolve(node);
    if (isNew || key !== record.key) move(record, key);
    if (isNew) options.onNodeChange?.({ kind: 'connected', node, ...(key === undefined ? {} : { key }) });
  }

  /** A node gets another snapshot key. */
  function move(record: NodeRecord, key: string | undefined): void {
    record.key = key;
    const snapshot = context.rollouts().goal(record);
    const fields = { node: record.node.id, cluster: record.node.cluster, ...(key === undefined ? {} : { key }) };
    if (snapshot === undefined) logger.warn(fields, 'proxy has no configuration yet: held without an answer');
    else logger.info(fields, 'proxy connected');
    steer(record);
    context.rollouts().noteProgress(record);
  }

  function steer(record: NodeRecord): void {
    const snapshot = context.rollouts().goal(record);
    // One that has asked for nothing yet is about to: with its request comes what it holds.
    const streams = [...record.streams].filter((stream) => stream.typeCount > 0);
    guarded(streams, (stream) => stream.setGoal(snapshot));
    pumpAll(streams);
  }

  function pumpAll(streams: Iterable<XdsStream>): void {
    guarded(inOrder([...streams]), (stream) => stream.pump());
  }

  /** What goes wrong with a stream ends it, and no other. */
  function guarded(streams: Iterable<XdsStream>, act: (stream: XdsStream) => void): void {
    for (const stream of streams) {
      try {
        act(stream);
      } catch (caught) {
        fail(stream, caught);
      }
    }
  }

  function depart(connection: Connection): void {
    const { stream, record } = connection;
    connections.delete(stream);
    stream.close();
    const seconds = (performance.now() - connection.openedAt) / 1000;
    const { variant } = stream;
    options.onStreamEnd?.({ variant, seconds, ...(record?.key === undefined ? {} : { key: record.key }) });
    if (record === undefined) return;
    context.rollouts().noteProgress(record);
    if (!nodes.detach(record, stream)) {
      if (stream.fixedType !== undefined) pumpAll(record.streams);
      return;
    }
    const { node, key } = record;
    logger.info({ node: node.id, cluster: node.cluster }, 'proxy disconnected');
    options.onNodeChange?.({ kind: 'disconnected', node, ...(key === undefined ? {} : { key }) });
  }

  function fail(stream: XdsStream, caught: unknown): void {
    const connection = connections.get(stream);
    if (connection !== undefined) refuse(connection, caught);
  }

  function refuse({ transport }: Connection, caught: unknown): void {
    transport.fail(explain(caught, transport.peer));
  }

  function explain(caught: unknown, peer?: string): GatewayError {
    if (caught instanceof GatewayError) {
      logger.warn({ peer, reason: caught.message }, 'request refused');
      return caught;
    }
    const error = caught instanceof Error ? (caught.stack ?? caught.message) : String(caught);
    logger.error({ peer, error }, 'stream failed');
    return new GatewayError('unavailable', 'internal error');
  }

  return {
    accept,
    recordOf: (stream) => connections.get(stream)?.record,
    fail,
    explain,
    steer,
    reresolve() {
      for (const record of nodes.all()) {
        const key = options.resolve(record.node);
        if (key !== record.key) move(record, key);
      }
    },
    reauthorize() {
      for (const connection of [...connections.values()]) {
        if (connection.record === undefined) continue;
        try {
          admission.admitPeer(connection.transport, connection.record.node);
        } catch (caught) {
          depart(connection);
          refuse(connection, caught);
        }
      }
    },
    refuseMore() {
      isClosing = true;
    },
    async drain(timeoutMs) {
      const open = [...connections.values()];
      // All proxies at once would come back at once, to whoever serves next.
      const pauseMs = Math.min(10, timeoutMs / 2 / Math.max(1, open.length));
      for (const connection of open) {
        connection.transport.fail(new GatewayError('unavailable', 'the server is shutting down'));
        depart(connection);
        await sleep(pauseMs);
      }
    },
    close() {
      stopWatching();
      for (const connection of [...connections.values()]) depart(connection);
    },
  };
}
