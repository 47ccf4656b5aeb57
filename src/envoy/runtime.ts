import { type Capabilities, isOlder } from './capabilities.ts';
import { PROCESSOR_CLUSTER, RUNTIME_LAYER } from './names.ts';
import type { EnvoyResource } from './resource.ts';

/** Runtime values that every Envoy needs for what it is sent. */
const ALWAYS = {
  // Without it Envoy refuses all routes for one expression longer than a line.
  're2.max_program_size.error_level': 4_294_967_295,
} as const;

/** With the guard on, Envoy 1.40 ends with a segmentation fault when more is on its way to a processor than may be at once. */
const WITH_PROCESSOR = { 'envoy.reloadable_features.grpc_side_stream_flow_control': false } as const;

/** The values as a bootstrap has them, which does not know its Envoy. */
export const RUNTIME_VALUES = { ...ALWAYS, ...WITH_PROCESSOR } as const;

/** Key of the node's metadata by which a bootstrap says that it has them. */
export const RUNTIME_MARK = 'headgate.dev/runtime';

/** The same as a layer that an Envoy asks for (RTDS), for bootstraps that others write. */
export function runtimeLayer(capabilities: Capabilities): EnvoyResource {
  // Older ones ask the processor where the guard does no harm.
  const layer = capabilities.features.has('ext_proc') && !isOlder(capabilities) ? RUNTIME_VALUES : ALWAYS;
  return { type: 'runtime', name: RUNTIME_LAYER, message: { name: RUNTIME_LAYER, layer }, requires: [] };
}

/** Whether an Envoy that gets these resources has to have the values for a processor. */
export function needsProcessorValues(resources: readonly EnvoyResource[]): boolean {
  const { layer = {} } = (resources.find(({ type }) => type === 'runtime')?.message ?? {}) as { layer?: object };
  const [guard] = Object.keys(WITH_PROCESSOR);
  return resources.some(({ name }) => name === PROCESSOR_CLUSTER) && Object.keys(layer).includes(guard as string);
}
