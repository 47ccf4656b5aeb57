import type { BackendIr, SecretRef } from '../../ir/index.ts';
import type { Context } from '../context.ts';
import type { GatewayState } from '../gateways/gateways.ts';
import { connectionOf } from '../traffic/traffic-effects.ts';
import type { EffectivePolicy } from '../traffic/traffic-policies.ts';
import type { BackendSource } from './backends.ts';

/** Notes which backends the routes of one gateway use, and under which policies. */
export interface UsedBackends {
  use(source: BackendSource, policy: EffectivePolicy | undefined): void;
  /** In order of name. */
  build(): BackendIr[];
}

/** Creates an empty note. */
export function createUsedBackends(gateway: GatewayState, context: Context): UsedBackends {
  const used = new Map<BackendSource, Map<string, EffectivePolicy>>();
  return {
    use(source, policy) {
      const policies = used.get(source) ?? new Map<string, EffectivePolicy>();
      used.set(source, policies);
      if (policy) policies.set(policy.key, policy);
    },
    build: () =>
      [...used]
        .map(([source, policies]) => buildBackend(source, policies.values(), gateway, context))
        .sort((a, b) => (a.name < b.name ? -1 : 1)),
  };
}

function buildBackend(
  { ir, loaded }: BackendSource,
  policies: Iterable<EffectivePolicy>,
  { key, settings }: GatewayState,
  { report }: Context,
): BackendIr {
  const connection = connectionOf(loaded, policies, key, report);
  const { forwardProxy } = settings;
  // The proxy is for providers: plain services are reached as before.
  return { ...ir, connection, ...(forwardProxy !== undefined && ir.provider && { forwardProxy }) };
}

/** The secrets that backends name. */
export function secretsOf(backends: readonly BackendIr[]): SecretRef[] {
  return backends.flatMap(({ tls, credential, signing }) => [
    ...(tls && typeof tls.ca === 'object' ? [tls.ca] : []),
    ...(tls?.certificate ? [tls.certificate] : []),
    ...(credential?.secret ? [credential.secret] : []),
    ...(credential?.furtherKeys ?? []),
    ...(signing?.secret ? [signing.secret] : []),
  ]);
}
