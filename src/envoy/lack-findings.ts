import type { RouteIr } from '../ir/index.ts';
import { type Finding, formatFieldPath } from '../lib/findings.ts';
import { type Capabilities, describeFeature, type EnvoyFeature, NEWEST_ENVOY } from './capabilities.ts';

/** An Envoy answers 501 for a rule. */
export function lackingFinding(route: RouteIr, feature: EnvoyFeature, capabilities: Capabilities): Finding {
  return {
    code: 'HG0601',
    level: 'error',
    message: `Envoy ${capabilities.version} cannot serve this rule (501): it lacks ${describeFeature(feature)}`,
    object: route.origin.object,
    field: formatFieldPath(route.origin.field),
    scope: `Envoy ${capabilities.version}`,
  };
}

/** An Envoy serves a rule without something, told in words. */
export function reducedFinding(route: RouteIr, what: string, { version }: Capabilities): Finding {
  return {
    code: 'HG0602',
    level: 'warning',
    message: `Envoy ${version} serves this rule in a reduced form: ${what} (Envoy ${NEWEST_ENVOY} serves it in full)`,
    object: route.origin.object,
    field: formatFieldPath(route.origin.field),
    scope: `Envoy ${version}`,
  };
}
