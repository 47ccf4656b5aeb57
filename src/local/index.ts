/**
 * What `headgate run` adds to the control plane: an Envoy (found, started, kept running, drained) and a provider for
 * demonstrations. In: a bootstrap, an environment. Out: a running Envoy and what it says, a listening provider.
 * Must not know: what the configuration means, or how it reaches Envoy.
 */
export {
  createDemoProvider,
  type DemoFailure,
  type DemoProvider,
  type DemoProviderOptions,
} from './demo-provider/demo-provider.ts';
export {
  cacheDirectory,
  ENVOY_VERSION,
  type EnvoyBinary,
  type FindEnvoyOptions,
  findEnvoy,
} from './envoy-binary.ts';
export type { EnvoyLogEntry, EnvoyLogLevel } from './envoy-log.ts';
export {
  createEnvoyProcess,
  type EnvoyEvent,
  type EnvoyProcess,
  type EnvoyProcessOptions,
  type RestartPolicy,
} from './envoy-process.ts';
export { assertPortFree } from './ports.ts';
