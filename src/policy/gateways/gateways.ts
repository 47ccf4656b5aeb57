import { parseQuantity } from '../../lib/units.ts';
import { gatewayKind, isValidOf, type LoadedObject } from '../../resources/index.ts';
import type { Conditions } from '../conditions.ts';
import type { Context } from '../context.ts';
import { keyOf } from '../objects.ts';
import { isOurs } from './gateway-classes.ts';
import { type GatewaySettings, readGatewayConfigs, settingsOf } from './gateway-config.ts';
import { type ListenerState, readListeners } from './listeners.ts';

const BODY_ANNOTATION = 'headgate.dev/max-request-body';
/** `open` (the default) or `closed`: what happens to requests with limits while the rate limit service does not answer. */
const FAILURE_ANNOTATION = 'headgate.dev/limits-failure';

/** A Gateway that is ours, before routes attach. */
export interface GatewayState {
  readonly loaded: LoadedObject;
  /** `NAMESPACE/NAME`. */
  readonly key: string;
  /** `Gateway/NAMESPACE/NAME`. */
  readonly name: string;
  readonly isValid: boolean;
  readonly address: string;
  readonly listeners: readonly ListenerState[];
  readonly settings: GatewaySettings;
  readonly maxRequestBodyBytes: number;
  readonly refuseUnlimited: boolean;
}

/** The Gateways that are ours, in order of key. */
export function readGateways(context: Context, conditions: Conditions): GatewayState[] {
  const configs = readGatewayConfigs(context);
  return context.index
    .all(gatewayKind)
    .filter((gateway) => isOurs(gateway, context))
    .map((gateway) => readGateway(gateway, configs, context, conditions))
    .sort((a, b) => (a.key < b.key ? -1 : 1));
}

function readGateway(
  loaded: LoadedObject,
  configs: ReadonlyMap<LoadedObject, GatewaySettings>,
  context: Context,
  conditions: Conditions,
): GatewayState {
  const isValid = isValidOf(loaded, gatewayKind);
  const key = keyOf(loaded);
  const listeners = readListeners(loaded, context, conditions);
  if (isValid && loaded.object.spec.tls?.backend !== undefined) {
    context.report.warning('HG0111', loaded, ['spec', 'tls', 'backend'], 'is accepted, but has no effect yet', {
      hint: 'set clientCertificateRef in the tls of the Backend',
    });
  }
  if (!isValid) conditions.add(loaded, 'Accepted', false, 'Invalid', 'the Gateway does not match its schema');
  else if (listeners.some((listener) => listener.isServed)) conditions.add(loaded, 'Accepted', true, 'Accepted', '');
  else conditions.add(loaded, 'Accepted', false, 'ListenersNotValid', 'no listener can be served');
  return {
    loaded,
    key,
    name: `Gateway/${key}`,
    isValid,
    address: readAddress(loaded, context),
    listeners,
    settings: settingsOf(loaded, configs, context),
    maxRequestBodyBytes: readBodyLimit(loaded, context),
    refuseUnlimited: readLimitsFailure(loaded, context),
  };
}

/** Envoy binds one address; all of them unless the Gateway names one. */
function readAddress(loaded: LoadedObject, { report }: Context): string {
  if (!isValidOf(loaded, gatewayKind)) return '0.0.0.0';
  const addresses = (loaded.object.spec.addresses ?? []).map((address, index) => ({ ...address, index }));
  const usable = addresses.filter(({ type, value }) => type === 'IPAddress' && value !== undefined);
  for (const { type, value, index } of addresses) {
    const path = ['spec', 'addresses', index];
    if (type !== 'IPAddress') report.warning('HG0111', loaded, path, `an address of type ${type} has no effect`);
    else if (value === undefined) report.warning('HG0111', loaded, path, 'an address without value has no effect');
    else if (index !== usable[0]?.index) {
      report.warning('HG0111', loaded, path, 'only the first IP address is bound', { hint: 'use 0.0.0.0 or ::' });
    }
  }
  return usable[0]?.value ?? '0.0.0.0';
}

function readBodyLimit(loaded: LoadedObject, { report, options }: Context): number {
  const text = loaded.object.metadata.annotations?.[BODY_ANNOTATION];
  if (text === undefined) return options.maxRequestBodyBytes;
  const bytes = parseQuantity(text);
  // Envoy keeps the limit in 32 bits.
  if (bytes !== undefined && Number.isInteger(bytes) && bytes > 0 && bytes < 2 ** 32) return bytes;
  report.error('HG0107', loaded, ['metadata', 'annotations', BODY_ANNOTATION], 'must be a size below 4Gi', {
    hint: 'such as 64Mi',
  });
  return options.maxRequestBodyBytes;
}

/** A word that is neither counts as `closed`: a budget is not opened by a mistake. */
function readLimitsFailure(loaded: LoadedObject, { report }: Context): boolean {
  const text = loaded.object.metadata.annotations?.[FAILURE_ANNOTATION] ?? 'open';
  if (text !== 'open' && text !== 'closed') {
    const field = ['metadata', 'annotations', FAILURE_ANNOTATION];
    report.error('HG0107', loaded, field, 'must be "open" or "closed"; it counts as "closed"');
  }
  return text !== 'open';
}
