import type { OriginIr } from '../ir/index.ts';
import { TYPES } from './names.ts';
import type { Any } from './schema/index.ts';

export type ResourceType = keyof typeof TYPES;

/** Another resource that this one names. */
export interface ResourceReference {
  readonly type: ResourceType;
  readonly name: string;
}

/** One xDS resource as ProtoJSON, with what it names and what it comes from. */
export interface EnvoyResource {
  readonly type: ResourceType;
  readonly name: string;
  readonly message: object;
  readonly requires: readonly ResourceReference[];
  readonly origin?: OriginIr;
}

/** The resource as an Any, the form of dumps and of static configurations. */
export function resourceAny(resource: EnvoyResource): Any {
  return { '@type': `type.googleapis.com/${TYPES[resource.type]}`, ...resource.message };
}
