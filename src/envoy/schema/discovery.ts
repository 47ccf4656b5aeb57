/** Discovery messages for the xDS server: resources stay the bytes they were encoded to once. */
import protobuf from 'protobufjs/light.js';
import { planOf } from './registry.ts';
import { decodeMessage, decodeRaw } from './to-json.ts';
import { encodeMessage } from './to-message.ts';
import type {
  ConfigCoreV3ControlPlane,
  ServiceDiscoveryV3DeltaDiscoveryRequest,
  ServiceDiscoveryV3DiscoveryRequest,
} from './types.gen.ts';

const DISCOVERY = 'envoy.service.discovery.v3';

/** google.protobuf.Any with its bytes untouched. */
export interface RawAny {
  readonly type_url: string;
  readonly value: Uint8Array;
}

/** A resource of the delta protocol. An absent `resource` with a version is a heartbeat for its TTL. */
export interface RawResource {
  readonly name: string;
  readonly version: string;
  readonly aliases?: readonly string[];
  readonly resource?: RawAny;
}

interface ResponseHeader {
  readonly type_url: string;
  readonly nonce: string;
  readonly control_plane?: ConfigCoreV3ControlPlane;
}

/** All of a DiscoveryResponse but its resources. */
export interface DiscoveryResponseHeader extends ResponseHeader {
  readonly version_info: string;
}

/** All of a DeltaDiscoveryResponse but its resources. */
export interface DeltaDiscoveryResponseHeader extends ResponseHeader {
  readonly system_version_info?: string;
  readonly removed_resources?: readonly string[];
}

export interface RawDiscoveryResponse extends DiscoveryResponseHeader {
  readonly resources: readonly RawAny[];
}

export interface RawDeltaDiscoveryResponse extends DeltaDiscoveryResponseHeader {
  readonly removed_resources: readonly string[];
  readonly resources: readonly RawResource[];
}

/**
 * Encoders and decoders of the discovery services. Requests are ProtoJSON (a node's metadata is a Struct), responses
 * hold raw resources.
 * Errors: SchemaError for broken bytes.
 */
export const discoveryCodec = {
  decodeRequest(bytes: Uint8Array): ServiceDiscoveryV3DiscoveryRequest {
    return decodeMessage(`${DISCOVERY}.DiscoveryRequest`, bytes) as ServiceDiscoveryV3DiscoveryRequest;
  },

  encodeRequest(request: ServiceDiscoveryV3DiscoveryRequest): Uint8Array {
    return encodeMessage(`${DISCOVERY}.DiscoveryRequest`, request);
  },

  decodeDeltaRequest(bytes: Uint8Array): ServiceDiscoveryV3DeltaDiscoveryRequest {
    return decodeMessage(`${DISCOVERY}.DeltaDiscoveryRequest`, bytes) as ServiceDiscoveryV3DeltaDiscoveryRequest;
  },

  encodeDeltaRequest(request: ServiceDiscoveryV3DeltaDiscoveryRequest): Uint8Array {
    return encodeMessage(`${DISCOVERY}.DeltaDiscoveryRequest`, request);
  },

  encodeResponse(response: RawDiscoveryResponse): Uint8Array {
    return encodeRaw('DiscoveryResponse', response);
  },

  decodeResponse(bytes: Uint8Array): RawDiscoveryResponse {
    return decodeRaw(`${DISCOVERY}.DiscoveryResponse`, bytes) as unknown as RawDiscoveryResponse;
  },

  encodeDeltaResponse(response: RawDeltaDiscoveryResponse): Uint8Array {
    return encodeRaw('DeltaDiscoveryResponse', response);
  },

  decodeDeltaResponse(bytes: Uint8Array): RawDeltaDiscoveryResponse {
    return decodeRaw(`${DISCOVERY}.DeltaDiscoveryResponse`, bytes) as unknown as RawDeltaDiscoveryResponse;
  },

  /** One resource as it stands in a DiscoveryResponse, to be shared by every response that carries it. */
  frameResource(resource: RawAny): Uint8Array {
    return frame(
      'DiscoveryResponse',
      planOf('google.protobuf.Any')
        .type.encode({ ...resource })
        .finish(),
    );
  },

  /** One resource as it stands in a DeltaDiscoveryResponse. */
  frameDeltaResource(resource: RawResource): Uint8Array {
    return frame('DeltaDiscoveryResponse', encodeRaw('Resource', resource));
  },

  /** A DiscoveryResponse from resources framed before. */
  joinResponse(header: DiscoveryResponseHeader, frames: readonly Uint8Array[]): Buffer {
    return Buffer.concat([encodeRaw('DiscoveryResponse', header), ...frames]);
  },

  /** A DeltaDiscoveryResponse from resources framed before. */
  joinDeltaResponse(header: DeltaDiscoveryResponseHeader, frames: readonly Uint8Array[]): Buffer {
    return Buffer.concat([encodeRaw('DeltaDiscoveryResponse', header), ...frames]);
  },
} as const;

function encodeRaw(name: string, message: object): Uint8Array {
  return planOf(`${DISCOVERY}.${name}`)
    .type.encode({ ...message })
    .finish();
}

/** The bytes of one item of the `resources` field: tag, length, item. Protobuf lets fields follow in any order. */
function frame(container: string, item: Uint8Array): Uint8Array {
  const field = planOf(`${DISCOVERY}.${container}`).type.fields.resources;
  const lengthDelimited = 2;
  return protobuf.Writer.create()
    .uint32(((field?.id ?? 0) << 3) | lengthDelimited)
    .bytes(item)
    .finish();
}
