import type { BackendIr, GatewayIr, InferenceRuleIr, MirrorIr } from '../../ir/index.ts';
import { canonicalJson } from '../../lib/hash.ts';
import { translatedFamilies } from '../api-classes.ts';
import type { Capabilities } from '../capabilities.ts';
import { mirrorClusterName, mirrorEntranceName } from '../cluster-name.ts';
import { type CompileOptions, doesTranslate } from '../options.ts';
import type { EnvoyResource } from '../resource.ts';
import { routeFacts } from '../route-facts.ts';
import { attemptCluster, connectionLimit } from './attempts.ts';
import { attemptedFacts } from './route.ts';
import { mirrorScript } from './script.ts';

/**
 * The cluster to which a rule's copies of requests go: like that of attempts, but with a script for this mirror alone, since
 * a copy has no route that could tell it anything. `backend`: under the name of the mirror's cluster, to which it goes on.
 */
export function mirrorEntrance(
  rule: InferenceRuleIr & { readonly mirror: MirrorIr },
  backend: BackendIr,
  gateway: GatewayIr,
  capabilities: Capabilities,
  options: Pick<CompileOptions, 'processor'>,
): EnvoyResource {
  const { provider } = backend;
  const families = provider && doesTranslate(capabilities, options) ? translatedFamilies(provider) : [];
  const { refs, refuse_unsupported } = routeFacts(rule, [], new Map());
  const [facts] = attemptedFacts(backend, families);
  const name = mirrorClusterName(rule, rule.mirror);
  const told = {
    backend: { ...facts, mirror: true },
    route: { refs: { [name]: refs[name] ?? {} }, ...(refuse_unsupported && { refuse_unsupported }) },
  };
  const script = mirrorScript(canonicalJson(told));
  return attemptCluster(mirrorEntranceName(rule, rule.mirror), script, connectionLimit(gateway, capabilities));
}
