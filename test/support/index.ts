/**
 * The harness of tests: the real Envoy, a plain HTTP client, load, free ports, waiting. In: configuration and requests.
 * Out: what happened on the wire. It must not know what Headgate compiles.
 */
export { type BootstrapOptions, bootstrapFor } from './bootstrap.ts';
export { type ClientResponse, postJson, type RequestOptions, request, requestH2 } from './client.ts';
export { type EnvoyOptions, EnvoyProcess, envoyPath, startEnvoy, type Validation, validateWithEnvoy } from './envoy.ts';
export { type FormField, multipartForm } from './form.ts';
export { inlineStatic, type StaticInput } from './inline-static.ts';
export { type LoadOptions, type LoadResult, loadTest } from './load.ts';
export { freePort, freePorts } from './ports.ts';
export { spawnChild, stopChild } from './processes.ts';
export { parseSse, type SseEvent } from './sse.ts';
export { tempDir } from './temp.ts';
export { type UntilOptions, until } from './until.ts';
