import { credentials, makeGenericClientConstructor, type ServiceError } from '@grpc/grpc-js';
import {
  decodeMessage,
  encodeMessage,
  type ServiceStatusV3ClientConfigGenericXdsConfig as ResourceStatus,
  type ServiceStatusV3ClientStatusResponse as StatusResponse,
} from '../../../src/envoy/schema/index.ts';

const PACKAGE = 'envoy.service.status.v3';
const FETCH = `/${PACKAGE}.ClientStatusDiscoveryService/FetchClientStatus`;
const Generic = makeGenericClientConstructor({}, 'csds');
const pass = (bytes: Buffer): Buffer => bytes;

/** Asks the client status discovery service for all nodes, as a status tool does: resources by node id. */
export async function clientStatus(port: number): Promise<Map<string, readonly ResourceStatus[]>> {
  const client = new Generic(`127.0.0.1:${port}`, credentials.createInsecure(), {
    'grpc.max_receive_message_length': -1,
  });
  const request = Buffer.from(encodeMessage(`${PACKAGE}.ClientStatusRequest`, { exclude_resource_contents: true }));
  try {
    const answer = await new Promise<Buffer>((resolve, reject) => {
      const done = (error: ServiceError | null, value?: Buffer): void => (value ? resolve(value) : reject(error));
      client.makeUnaryRequest(FETCH, pass, pass, request, done);
    });
    const { config = [] } = decodeMessage(`${PACKAGE}.ClientStatusResponse`, answer) as StatusResponse;
    return new Map(config.map(({ node, generic_xds_configs: resources }) => [node?.id ?? '', resources ?? []]));
  } finally {
    client.close();
  }
}
