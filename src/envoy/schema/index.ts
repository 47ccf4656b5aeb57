/**
 * The protobuf codec of the Envoy API. In: ProtoJSON with proto field names (as Envoy's documentation, configuration
 * and config_dump spell them), out: bytes, and back. It knows the messages of the served descriptor set (protos/, made
 * by scripts/protos), loads it on first use, and knows nothing of what the messages are for.
 */
import type { Any, Messages } from './types.gen.ts';

export { checkConstraints, type Violation } from './constraints.ts';
export { messageTypes } from './descriptors.ts';
export {
  type DeltaDiscoveryResponseHeader,
  type DiscoveryResponseHeader,
  discoveryCodec,
  type RawAny,
  type RawDeltaDiscoveryResponse,
  type RawDiscoveryResponse,
  type RawResource,
} from './discovery.ts';
export { fieldOf, trimMessage } from './field-mask.ts';
export { maskSecrets } from './mask.ts';
export { type MethodPlan, serviceMethods } from './registry.ts';
export { type PathSegment, SchemaError } from './schema-error.ts';
export { holdsSecrets } from './secret-reach.ts';
export { decodeMessage, printAny as decodeAny } from './to-json.ts';
export { encodeAny, encodeMessage } from './to-message.ts';
export type * from './types.gen.ts';
export { API_VERSION, DESCRIPTOR_HASH } from './version.gen.ts';

/** The type URL of a message. */
export function typeUrl(typeName: string): string {
  return `type.googleapis.com/${typeName}`;
}

/** An Any of a message, with the fields checked by the compiler. */
export function typedAny<T extends keyof Messages>(typeName: T, message: Messages[T] & object): Any {
  return { '@type': typeUrl(typeName), ...message };
}
