/**
 * From the intermediate form to Envoy. In: one gateway of the Ir, the values of its secrets, what an Envoy can do. Out:
 * xDS resources as ProtoJSON, each with what it names, and findings for what that Envoy cannot serve. Pure: the same
 * input gives the same resources. It knows neither Kubernetes nor files, nor who the resources are sent to.
 */
export { type Capabilities, capabilitiesOf, NEWEST_ENVOY } from './capabilities.ts';
export { type CompiledGateway, compileGateway } from './compile.ts';
export {
  type CompileOptions,
  DEFAULT_COMPILE_OPTIONS,
  type ProcessorTarget,
  type RateLimitAddress,
} from './options.ts';
export type { EnvoyResource, ResourceReference, ResourceType } from './resource.ts';
