/**
 * The client status discovery service: the ledger, resource by resource, in the form that status tools read. Secrets are
 * masked. Source: envoy.service.status.v3.
 */
import {
  decodeMessage,
  encodeMessage,
  type ServiceStatusV3ClientConfigGenericXdsConfig as GenericXdsConfig,
  type ServiceStatusV3ClientStatusRequest as StatusRequest,
} from '../envoy/schema/index.ts';
import { GatewayError } from '../lib/errors.ts';
import type { NodeInfo } from './node.ts';
import { matchesNode } from './node-matcher.ts';
import { encodeBytesField } from './protobuf.ts';
import { showable } from './showable.ts';
import type { ResourceState, ResourceStatus } from './stream-status.ts';

/** A node, and what the ledger knows of it. */
export interface StatusSubject {
  readonly node: NodeInfo;
  resources(): readonly ResourceStatus[];
}

const PACKAGE = 'envoy.service.status.v3';
const MAX_RESPONSE_BYTES = 256 * 1024 * 1024;

/**
 * The ClientStatusResponse to a ClientStatusRequest.
 * Errors: GatewayError `invalid_input`; `limit_exceeded` when it asks for too much at once.
 */
export function answerStatusRequest(bytes: Uint8Array, subjects: Iterable<StatusSubject>): Buffer {
  const request = decodeRequest(bytes);
  const matchers = request.node_matchers ?? [];
  const parts: Buffer[] = [];
  let size = 0;
  for (const subject of subjects) {
    if (!matchesNode(matchers, subject.node)) continue;
    const config = encodeBytesField(1, clientConfig(subject, request.exclude_resource_contents !== true));
    size += config.length;
    if (size > MAX_RESPONSE_BYTES) {
      throw new GatewayError('limit_exceeded', 'too much at once: give node_matchers or exclude_resource_contents');
    }
    parts.push(config);
  }
  return Buffer.concat(parts);
}

function decodeRequest(bytes: Uint8Array): StatusRequest {
  try {
    return decodeMessage(`${PACKAGE}.ClientStatusRequest`, bytes) as StatusRequest;
  } catch (caught) {
    throw GatewayError.from(caught, 'invalid_input');
  }
}

function clientConfig(subject: StatusSubject, withContents: boolean): Buffer {
  const { id, cluster, userAgentName, metadata } = subject.node;
  const node = {
    id,
    cluster,
    ...(userAgentName === undefined ? {} : { user_agent_name: userAgentName }),
    ...(metadata === undefined ? {} : { metadata }),
  };
  return Buffer.concat([
    encodeMessage(`${PACKAGE}.ClientConfig`, { node }),
    ...subject.resources().map((resource) => encodeBytesField(3, genericConfig(resource, withContents))),
  ]);
}

const CONFIG_STATUS = {
  SYNCED: 'SYNCED',
  NOT_SENT: 'NOT_SENT',
  STALE: 'STALE',
  ERROR: 'ERROR',
  MISSING: 'SYNCED',
} as const satisfies Record<ResourceState, string>;

const CLIENT_STATUS = {
  SYNCED: 'ACKED',
  NOT_SENT: 'REQUESTED',
  STALE: 'REQUESTED',
  ERROR: 'NACKED',
  MISSING: 'DOES_NOT_EXIST',
} as const satisfies Record<ResourceState, string>;

/** The content belongs to the version beside it: what was rejected stands in the error, beside what runs instead. */
function genericConfig(status: ResourceStatus, withContents: boolean): Buffer {
  const { typeUrl, name, state, wanted, acked, held, rejected } = status;
  const failed = state === 'ERROR';
  const version = failed ? acked : wanted?.version;
  const config: GenericXdsConfig = {
    type_url: typeUrl,
    name,
    config_status: CONFIG_STATUS[state],
    client_status: CLIENT_STATUS[state],
    ...(version === undefined ? {} : { version_info: version }),
  };
  const shown = failed ? held : wanted;
  const parts = [encodeMessage(`${PACKAGE}.ClientConfig.GenericXdsConfig`, config)];
  if (shown !== undefined && withContents) parts.push(encodeBytesField(4, showable(shown.any)));
  if (rejected !== undefined) {
    const { time: last_update_attempt, message: details, version: version_info } = rejected;
    const error = encodeMessage('envoy.admin.v3.UpdateFailureState', { last_update_attempt, details, version_info });
    const isShown = failed && wanted !== undefined && withContents;
    parts.push(
      encodeBytesField(8, Buffer.concat(isShown ? [error, encodeBytesField(1, showable(wanted.any))] : [error])),
    );
  }
  return Buffer.concat(parts);
}
