/**
 * The processor room: Envoy's external processing (envoy.service.ext_proc.v3), as far as translations need it.
 * In: bodies of attempts over gRPC, with what Envoy's metadata says of each; translations of providers/.
 * Out: bodies in the provider's API, answers in the client's. Stateless between attempts.
 * Must not know: routes, credentials, any configuration of its own.
 */

export { startProcessorHttp } from './http.ts';
export { createProcessor, type Processor, type ProcessorOptions } from './service.ts';
