/** The xDS server: gRPC outside, streams and snapshots inside. */
import { GatewayError } from '../lib/errors.ts';
import { createAcceptance } from './accepted.ts';
import { createAdmission } from './admission.ts';
import { type Connections, createConnections } from './connections.ts';
import { answerStatusRequest } from './csds.ts';
import { createGrpcServer } from './grpc-server.ts';
import { createLinger } from './linger.ts';
import { nodeConfig } from './node-config.ts';
import { createNodes, type NodeRecord, newRecord, nodeResources, nodeStatus } from './nodes.ts';
import { pollSnapshot } from './poll.ts';
import { createRestServer } from './rest-server.ts';
import { createRollouts } from './rollout.ts';
import { DEFAULTS, type XdsServer, type XdsServerOptions } from './server-options.ts';
import { createShared } from './shared.ts';

/** Creates an xDS server that does not listen yet. */
export function createXdsServer(options: XdsServerOptions): XdsServer {
  const { logger } = options;
  const nodes = createNodes();
  const admission = createAdmission(options, { ...DEFAULTS, ...options.limits }, nodes);
  const connections: Connections = createConnections(options, {
    nodes,
    admission,
    rollouts: () => rollouts,
    shared: () => shared,
  });
  const rollouts = createRollouts({
    rollout: options.rollout,
    nodes: nodes.all,
    steer: connections.steer,
    isSynced: (record) => nodeStatus(record, rollouts.goal(record)).synced,
    onSettled: (key) => options.onPublish?.(key),
  });
  const acceptance = options.lastAccepted
    ? createAcceptance({
        publish: rollouts.publish,
        onChange: () => options.onWithheld?.(),
        settleMs: options.settleMs ?? DEFAULTS.settleMs,
      })
    : undefined;
  const shared = createShared(options, connections.recordOf, acceptance, rollouts, connections.fail);
  const linger = createLinger(options.lingerMs ?? DEFAULTS.lingerMs, (key, snapshot) => {
    (acceptance?.set ?? rollouts.publish)(key, snapshot);
    server.setServing(!draining);
  });
  let draining = false;

  const server = createGrpcServer(options, {
    accept: connections.accept,
    explain: connections.explain,
    answerStatus(request, caller) {
      const subjects = [...admission.visible(caller)].map((record) => ({
        node: record.node,
        resources: () => nodeResources(record),
      }));
      return answerStatusRequest(request, subjects);
    },
  });

  const rest = createRestServer({
    tls: options.tls,
    poll(request, caller) {
      admission.admitPeer(caller, request.node);
      const key = options.resolve(request.node);
      const snapshot = rollouts.goal({ ...newRecord(request.node), key });
      if (snapshot === undefined) throw new GatewayError('not_found', 'there is no configuration for this node');
      return pollSnapshot(request, snapshot, shared);
    },
    onFailure: (caught) => void connections.explain(caught),
  });

  function logListening(what: string, { host, port }: { host: string; port: number }, isSecure: boolean): void {
    logger.info({ address: `${host}:${port}`, how: isSecure ? 'TLS' : 'plaintext' }, `${what} listening`);
  }

  /** Waits for open connections until the deadline, then cuts them off. */
  async function shutDown(waitMs: number): Promise<void> {
    draining = true;
    connections.refuseMore();
    linger.close();
    acceptance?.close();
    rollouts.close();
    await Promise.all([server.shutDown(waitMs), rest.close()]);
    connections.close();
  }

  return {
    async listen(address, { plaintext = false } = {}) {
      const port = await server.listen(address, { plaintext });
      logListening('xDS server', { host: address.host, port }, options.tls !== undefined && !plaintext);
      return { host: address.host, port };
    },
    async listenRest(address) {
      const bound = await rest.listen(address);
      logListening('REST xDS', bound, options.tls !== undefined);
      return bound;
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
      for (const record of nodes.all()) if (record.key === key) connections.steer(record);
    },
    reauthorize: connections.reauthorize,
    reresolve: connections.reresolve,
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
    async drain(timeoutMs) {
      draining = true;
      connections.refuseMore();
      server.setServing(false);
      const deadline = performance.now() + timeoutMs;
      await Promise.all([connections.drain(timeoutMs), rest.close()]);
      await shutDown(Math.max(0, deadline - performance.now()));
    },
    close: () => shutDown(0),
  };
}
