import { isIP } from 'node:net';
import type { CostIr } from '../../ir/index.ts';
import { gatewayConfigKind, isValidOf, type LoadedObject } from '../../resources/index.ts';
import type { Context } from '../context.ts';
import { readCosts } from '../routes/costs.ts';
import { fieldsOf, textOf } from '../routes/salvage.ts';

const ANNOTATION = 'aigateway.envoyproxy.io/gateway-config';

/** What a GatewayConfig gives to its Gateways. */
export interface GatewaySettings {
  readonly costs: readonly CostIr[];
  /** `host:port` of the proxy that providers are reached through. */
  readonly forwardProxy?: string;
  /** The proxy that must be used is not known: providers cannot be reached, and must not be reached without it. */
  readonly isProxyBroken: boolean;
}

const NONE: GatewaySettings = { costs: [], isProxyBroken: false };

/** Checks every GatewayConfig, whether a Gateway names it or not. */
export function readGatewayConfigs(context: Context): Map<LoadedObject, GatewaySettings> {
  return new Map(context.index.all(gatewayConfigKind).map((loaded) => [loaded, readSettings(loaded, context)]));
}

/** The settings of one Gateway. */
export function settingsOf(
  gateway: LoadedObject,
  configs: ReadonlyMap<LoadedObject, GatewaySettings>,
  context: Context,
): GatewaySettings {
  const name = gateway.object.metadata.annotations?.[ANNOTATION];
  if (name === undefined) return NONE;
  const found = context.index.find(gatewayConfigKind, gateway.id.namespace, name);
  if (found) return configs.get(found) ?? NONE;
  context.report.error(
    'HG0103',
    gateway,
    ['metadata', 'annotations', ANNOTATION],
    `no GatewayConfig ${JSON.stringify(name)}`,
    {
      hint: context.index.hint(gatewayConfigKind, gateway.id.namespace, name),
    },
  );
  return NONE;
}

function readSettings(loaded: LoadedObject, context: Context): GatewaySettings {
  const spec = fieldsOf(loaded.object.spec);
  // A default that is not valid is left out: it would take all routes of all its gateways down otherwise.
  const { costs } = readCosts(
    isValidOf(loaded, gatewayConfigKind) ? (loaded.object.spec.globalLLMRequestCosts ?? []) : [],
    loaded,
    ['spec', 'globalLLMRequestCosts'],
    context.report,
  );
  if (spec.forwardProxy === undefined || spec.forwardProxy === null) return { costs, isProxyBroken: false };
  const address = textOf(fieldsOf(spec.forwardProxy).address);
  if (address !== undefined && isAddressAndPort(address)) return { costs, forwardProxy: address, isProxyBroken: false };
  const message =
    address !== undefined && isHostAndPort(address)
      ? 'names the proxy by its host name, but Envoy takes an IP address only'
      : 'is not of the form host:port';
  context.report.error('HG0107', loaded, ['spec', 'forwardProxy', 'address'], message, {
    hint: 'no provider is called without the proxy',
  });
  return { costs, isProxyBroken: true };
}

function isAddressAndPort(address: string): boolean {
  return isHostAndPort(address) && isIP(address.replace(/:\d+$/, '').replace(/^\[|\]$/g, '')) !== 0;
}

function isHostAndPort(address: string): boolean {
  const match = /^(?:[A-Za-z0-9](?:[-A-Za-z0-9.]*[A-Za-z0-9])?|\[[0-9a-fA-F:.]+\]):(\d{1,5})$/.exec(address);
  const port = Number(match?.[1] ?? 0);
  return port > 0 && port < 65536;
}
