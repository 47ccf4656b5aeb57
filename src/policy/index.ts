/**
 * What the objects mean together: attachment, precedence, references. In: one ObjectSet. Out: the Ir, the secret values
 * beside it, findings and status conditions. Pure: no clock, no I/O, and the same result for any order of objects. What
 * is wrong is isolated: its traffic gets an error and everything else moves on. Must not know Envoy or its resources.
 */

import type { Ir, SecretValues, TokenSources } from '../ir/index.ts';
import { type Finding, sortFindings } from '../lib/findings.ts';
import type { ObjectSet } from '../resources/index.ts';
import { readAddresses } from './backends/addresses.ts';
import { readBackendTls } from './backends/backend-tls.ts';
import { readBackends } from './backends/backends.ts';
import { readCredentials } from './backends/credentials.ts';
import { claimsOf, readPrices } from './backends/prices.ts';
import { createConditions, type ListenerStatus, type StatusCondition, sortConditions } from './conditions.ts';
import type { Context, TranslateOptions } from './context.ts';
import { buildGateway } from './emit-gateway.ts';
import { type Attachment, attachRoutes, countRoutes } from './gateways/attach.ts';
import { acceptClasses } from './gateways/gateway-classes.ts';
import { type GatewayState, readGateways } from './gateways/gateways.ts';
import { concludeConditions, ROUTE_KINDS } from './object-conditions.ts';
import { indexObjects } from './objects.ts';
import { readQuotas } from './quotas.ts';
import { readGrants } from './references.ts';
import { createReport } from './report.ts';
import { readActions } from './routes/actions.ts';
import { readRoutes } from './routes/routes.ts';
import { createShadows } from './routes/shadows.ts';
import { createSecretStore } from './secrets.ts';
import { readTrafficPolicies } from './traffic/traffic-policies.ts';
import { indexTargets } from './traffic/traffic-targets.ts';
import { reportUnasked } from './unasked-models.ts';

export type { ListenerStatus, StatusCondition } from './conditions.ts';
export type { TranslateOptions } from './context.ts';
export { DEFAULT_POLICY_OPTIONS } from './options.ts';

export interface Translation {
  readonly ir: Ir;
  /** The values of the secrets that the Ir names. Never printed. */
  readonly secrets: SecretValues;
  /** How the secrets are had that have to be fetched. Never printed. */
  readonly tokenSources: TokenSources;
  /** Of policy alone; those of reading and schemas are in the ObjectSet. */
  readonly findings: readonly Finding[];
  readonly conditions: readonly StatusCondition[];
  readonly listeners: readonly ListenerStatus[];
}

/**
 * Translates a revision. Takes any set without throwing, whatever its objects say.
 * Source: Gateway API v1, and the kinds of Envoy AI Gateway and Envoy Gateway.
 */
export function translate(set: ObjectSet, options: TranslateOptions): Translation {
  const index = indexObjects(set);
  const report = createReport();
  const context: Context = { index, grants: readGrants(index), report, secrets: createSecretStore(), options };
  const conditions = createConditions();
  acceptClasses(context, conditions);
  const gateways = readGateways(context, conditions);
  const routes = readRoutes(context);
  const attachments = attachRoutes(routes, gateways, context, conditions);
  const addresses = readAddresses(readBackendTls(context, conditions), context);
  const quotas = readQuotas(context);
  const prices = readPrices(context);
  const backends = readBackends(addresses, readCredentials(context), quotas.of, prices, context);
  const actions = readActions(routes, backends, context);
  const policyOf = readTrafficPolicies(indexTargets(gateways, routes, attachments), context, conditions);
  const shadows = createShadows();
  const parts = { routes, attachments, backends, actions, policyOf, shadows };
  const ir: Ir = { gateways: gateways.map((gateway) => buildGateway(gateway, parts, context)) };
  shadows.report(report);
  reportUnasked(ir, [...quotas.claims, ...claimsOf(prices)], report);
  concludeConditions([...set.findings, ...report.findings], attachments, context, conditions);
  return {
    ir,
    secrets: usedSecrets(ir, context.secrets.values),
    tokenSources: usedSecrets(ir, context.secrets.tokens),
    findings: sortFindings(report.findings),
    conditions: sortConditions(conditions.list),
    listeners: gateways.flatMap((gateway) => listenerStatus(gateway, attachments)),
  };
}

/** Keys that nothing uses are not handed on. */
function usedSecrets<T>({ gateways }: Ir, values: ReadonlyMap<string, T>): ReadonlyMap<string, T> {
  const names = new Set(gateways.flatMap(({ secrets }) => secrets.map(({ name }) => name)));
  return new Map([...values].filter(([name]) => names.has(name)).sort(([a], [b]) => (a < b ? -1 : 1)));
}

function listenerStatus({ name, listeners }: GatewayState, attachments: readonly Attachment[]): ListenerStatus[] {
  return listeners.map((listener) => ({
    object: name,
    section: listener.name,
    attachedRoutes: countRoutes(attachments, listener),
    supportedKinds: ROUTE_KINDS,
  }));
}
