import type { ActionIr } from '../../ir/index.ts';
import { aiGatewayRouteKind } from '../../resources/index.ts';
import type { Backends } from '../backends/backends.ts';
import type { UsedBackends } from '../backends/used-backends.ts';
import type { Context } from '../context.ts';
import type { GatewayState } from '../gateways/gateways.ts';
import type { EffectivePolicy } from '../traffic/traffic-policies.ts';
import { buildInferenceRule, type InferenceRule, type RuleOutcome, readInferenceRules } from './ai-routes.ts';
import { buildForward, type HttpRule, readHttpRules } from './http-routes.ts';
import type { RouteSource } from './routes.ts';

type Outcomes =
  | { readonly kind: 'inference'; readonly rules: readonly RuleOutcome<InferenceRule>[] }
  | { readonly kind: 'http'; readonly rules: readonly RuleOutcome<HttpRule>[] };

/** What each rule of each route does, references followed once. */
export type Actions = ReadonlyMap<RouteSource, Outcomes>;

/** Reads the rules of all routes. */
export function readActions(routes: readonly RouteSource[], backends: Backends, context: Context): Actions {
  return new Map(
    routes.map((route): [RouteSource, Outcomes] => [
      route,
      route.kind === aiGatewayRouteKind
        ? { kind: 'inference', rules: readInferenceRules(route, backends, context) }
        : { kind: 'http', rules: readHttpRules(route, backends, context) },
    ]),
  );
}

/** Makes the actions of one gateway: one object a rule and policy, which all of its matches share. */
export function createActionBuilder(
  actions: Actions,
  gateway: GatewayState,
  used: UsedBackends,
): (route: RouteSource, rule: number, policy: EffectivePolicy | undefined) => ActionIr {
  const built = new Map<string, ActionIr>();
  return (route, rule, policy) => {
    const key = `${route.name}\0${rule}\0${policy?.key ?? ''}`;
    const action = built.get(key) ?? buildAction(actions.get(route), rule, policy, gateway, used);
    built.set(key, action);
    return action;
  };
}

function buildAction(
  outcomes: Outcomes | undefined,
  index: number,
  policy: EffectivePolicy | undefined,
  gateway: GatewayState,
  used: UsedBackends,
): ActionIr {
  if (outcomes?.kind === 'inference') {
    const outcome = outcomes.rules[index];
    if (outcome && 'rule' in outcome) {
      if (gateway.settings.isProxyBroken) {
        return { kind: 'respond', status: 500, message: 'the forward proxy of this gateway cannot be used' };
      }
      const { backends, mirror } = outcome.rule;
      for (const { source } of [...backends, ...(mirror ? [mirror] : [])]) used.use(source, policy);
      return { kind: 'inference', rule: buildInferenceRule(outcome.rule, gateway, policy) };
    }
    if (outcome) return outcome.respond;
  }
  if (outcomes?.kind === 'http') {
    const outcome = outcomes.rules[index];
    if (outcome && 'rule' in outcome) {
      if (outcome.rule.redirect) return { kind: 'redirect', redirect: outcome.rule.redirect };
      for (const source of outcome.rule.sources) used.use(source, policy);
      return { kind: 'forward', forward: buildForward(outcome.rule, policy) };
    }
    if (outcome) return outcome.respond;
  }
  return { kind: 'respond', status: 500, message: 'this route is not valid' };
}
