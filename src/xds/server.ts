/** The xDS server: gRPC outside, streams and snapshots inside. */
import { setTimeout as sleep } from 'node:timers/promises';
import { GatewayError } from '../lib/errors.ts';
import type { Caller } from '../lib/http2/streams.ts';
import { createAcceptance } from './accepted.ts';
import { createAdmission } from './admission.ts';
import { answerStatusRequest } from './csds.ts';
import type { Call, CallHandler } from './grpc.ts';
import { createGrpcServer } from './grpc-server.ts';
import { takeRequest } from './intake.ts';
import { createLinger } from './linger.ts';
import { type NodeInfo, pausesClusters, supportsTtl } from './node.ts';
import { nodeConfig } from './node-config.ts';
import { createNodes, inOrder, type NodeRecord, newRecord, nodeResources, nodeStatus } from './nodes.ts';
import { pollSnapshot } from './poll.ts';
import { createRollouts } from './rollout.ts';
import { DEFAULTS, type XdsServer, type XdsServerOptions } from './server-options.ts';
import type { XdsMethod } from './services.ts';
import { createShared } from './shared.ts';
import { XdsStream } from './stream.ts';
import { watchStuck } from './stuck.ts';

interface Connection {
  readonly stream: XdsStream;
  readonly method: XdsMethod;
  readonly transport: Call;
  readonly openedAt: number;
  record: NodeRecord | undefined;
  readonly identified: boolean;
}

/** Creates an xDS server that does not listen yet. */
export function createXdsServer(options: XdsServerOptions): XdsServer {
  const { logger } = options;
  const nodes = createNodes();
  const rollouts = createRollouts({
    rollout: options.rollout,
    nodes: nodes.all,
    steer: (record) => steer(record),
    isSynced: (record) => nodeStatus(record, rollouts.goal(record)).synced,
    onSettled: (key) => options.onPublish?.(key),
  });
  const connections = new Map<XdsStream, Connection>();
  const acceptance = options.lastAccepted
    ? createAcceptance({
        publish: rollouts.publish,
        onChange: () => options.onWithheld?.(),
        settleMs: options.settleMs ?? DEFAULTS.settleMs,
      })
    : undefined;
  const shared = createShared(
    options,
    (stream) => connections.get(stream)?.record,
    acceptance,
    rollouts,
    (stream, caught) => {
      const connection = connections.get(stream);
      if (connection !== undefined) refuse(connection, caught);
    },
  );
  const limits = { ...DEFAULTS, ...options.limits };
  const admission = createAdmission(options, limits, nodes);
  const stopWatching = watchStuck(
    limits.stuckMs,
    () => connections.values(),
    ({ transport, record }, error) => {
      logger.warn({ peer: transport.peer, node: record?.node.id, reason: error.message }, 'client cut off');
      transport.cut(error);
    },
  );
  const linger = createLinger(options.lingerMs ?? DEFAULTS.lingerMs, (key, snapshot) => {
    (acceptance?.set ?? rollouts.publish)(key, snapshot);
    server.setServing(!draining);
  });
  let streamIds = 0;
  let draining = false;

  const server = createGrpcServer(options, { accept, explain, answerStatus });

  function accept(transport: Call, method: XdsMethod): CallHandler {
    const full = connections.size >= limits.maxStreams;
    if (draining || full) {
      const why = full ? `more than ${limits.maxStreams} streams` : 'the server is shutting down';
      transport.fail(new GatewayError(full ? 'limit_exceeded' : 'unavailable', why));
      return { message: () => undefined, closed: () => undefined };
    }
    streamIds += 1;
    const stream = new XdsStream(streamIds, method.variant, method.typeUrl, transport, shared);
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
    stream.setGoal(connection.record && rollouts.goal(connection.record));
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
    if (isNew || key !== record.key) moveNode(record, key);
    if (isNew) options.onNodeChange?.({ kind: 'connected', node, ...(key === undefined ? {} : { key }) });
  }

  function moveNode(record: NodeRecord, key: string | undefined): void {
    record.key = key;
    const snapshot = rollouts.goal(record);
    const fields = { node: record.node.id, cluster: record.node.cluster, ...(key === undefined ? {} : { key }) };
    if (snapshot === undefined) logger.warn(fields, 'proxy has no configuration yet: held without an answer');
    else logger.info(fields, 'proxy connected');
    steer(record);
    rollouts.noteProgress(record);
  }

  function steer(record: NodeRecord): void {
    const snapshot = rollouts.goal(record);
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
        shared.onFailure(stream, caught);
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
    rollouts.noteProgress(record);
    if (!nodes.detach(record, stream)) {
      if (stream.fixedType !== undefined) pumpAll(record.streams);
      return;
    }
    const { node, key } = record;
    logger.info({ node: node.id, cluster: node.cluster }, 'proxy disconnected');
    options.onNodeChange?.({ kind: 'disconnected', node, ...(key === undefined ? {} : { key }) });
  }

  function answerStatus(request: Buffer, caller: Caller): Buffer {
    const subjects = [...admission.visible(caller)].map((record) => ({
      node: record.node,
      resources: () => nodeResources(record),
    }));
    return answerStatusRequest(request, subjects);
  }

  function refuse({ transport }: Connection, caught: unknown): void {
    transport.fail(explain(caught, transport.peer));
  }

  /** What a client is told of an error; of a bug, nothing. */
  function explain(caught: unknown, peer?: string): GatewayError {
    if (caught instanceof GatewayError) {
      logger.warn({ peer, reason: caught.message }, 'request refused');
      return caught;
    }
    const error = caught instanceof Error ? (caught.stack ?? caught.message) : String(caught);
    logger.error({ peer, error }, 'stream failed');
    return new GatewayError('unavailable', 'internal error');
  }

  /** Waits for open connections until the deadline, then cuts them off. */
  async function shutDown(waitMs: number): Promise<void> {
    draining = true;
    linger.close();
    stopWatching();
    acceptance?.close();
    rollouts.close();
    await server.shutDown(waitMs);
    for (const connection of [...connections.values()]) depart(connection);
  }

  return {
    async listen(address, { plaintext = false } = {}) {
      const port = await server.listen(address, { plaintext });
      const how = options.tls === undefined || plaintext ? 'plaintext' : 'TLS';
      logger.info({ address: `${address.host}:${port}`, how }, 'xDS server listening');
      return { host: address.host, port };
    },
    setSnapshot(key, snapshot) {
      rollouts.renew(key, snapshot.version);
      linger.set(key, snapshot);
    },
    saved: () =>
      [...rollouts.settled()].map(([key, snapshot]) => ({
        key,
        snapshot,
        accepted: acceptance?.acceptedOf(key, snapshot) ?? [],
      })),
    restore({ key, snapshot, accepted }) {
      const known = new Set(accepted);
      const ofTypes = [...snapshot.types.values()].flatMap(({ typeUrl, resources }) =>
        [...resources.values()].filter((resource) => known.has(resource)).map((resource) => ({ typeUrl, resource })),
      );
      acceptance?.restore(key, snapshot, ofTypes);
      linger.set(key, snapshot);
    },
    deleteSnapshot(key) {
      linger.delete(key);
      acceptance?.delete(key);
      if (!rollouts.delete(key)) return;
      for (const record of nodes.all()) if (record.key === key) steer(record);
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
    reresolve() {
      for (const record of nodes.all()) {
        const key = options.resolve(record.node);
        if (key !== record.key) moveNode(record, key);
      }
    },
    withheld: () => acceptance?.withheld() ?? [],
    retry() {
      rollouts.resume();
      acceptance?.forgive();
    },
    rollouts: rollouts.list,
    nodes: () => [...nodes.all()].map((record) => nodeStatus(record, rollouts.goal(record))),
    configOf(nodeId, cluster) {
      const matches = ({ node }: NodeRecord): boolean =>
        node.id === nodeId && (cluster === undefined || node.cluster === cluster);
      const record = [...nodes.all()].find(matches);
      return record && nodeConfig(record, acceptance);
    },
    resources: (nodeId) => [...nodes.all()].filter(({ node }) => node.id === nodeId).flatMap(nodeResources),
    poll(request) {
      const key = options.resolve(request.node);
      const snapshot = rollouts.goal({ ...newRecord(request.node), key });
      if (snapshot === undefined) throw new GatewayError('not_found', 'there is no configuration for this node');
      return pollSnapshot(request, snapshot, shared);
    },
    async drain(timeoutMs) {
      draining = true;
      server.setServing(false);
      const deadline = performance.now() + timeoutMs;
      const open = [...connections.values()];
      // All proxies at once would come back at once, to whoever serves next.
      const pauseMs = Math.min(10, timeoutMs / 2 / Math.max(1, open.length));
      for (const connection of open) {
        connection.transport.fail(new GatewayError('unavailable', 'the server is shutting down'));
        depart(connection);
        await sleep(pauseMs);
      }
      await shutDown(Math.max(0, deadline - performance.now()));
    },
    close: () => shutDown(0),
  };
}
