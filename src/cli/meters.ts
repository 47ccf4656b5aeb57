/** What happens between the server and proxies, as metrics. Labels are bounded, whatever clients ask for. */
import type { Metrics } from '../telemetry/index.ts';
import { type NackEvent, type Snapshot, TYPE, type XdsServerOptions } from '../xds/index.ts';

/** Types by the label that stands for them: the name of the message, without its package. */
const LABELS: ReadonlyMap<string, string> = new Map(
  Object.values(TYPE).map((typeUrl) => [typeUrl, typeUrl.replace(/^.*\./, '')]),
);

export interface Meters extends Required<Pick<XdsServerOptions, 'onRefusal' | 'onAnswer' | 'onStreamEnd'>> {
  countRejection(event: NackEvent): void;
  observeConvergence(key: string, seconds: number): void;
  countSnapshot(gateway: string, snapshot: Snapshot, previous: Snapshot | undefined): void;
}

/** `gatewayOf` gives the Gateway of a snapshot key; of others the key without its capabilities is the label. */
export function createMeters(metrics: Metrics, gatewayOf: (key: string) => string | undefined): Meters {
  const gatewayLabel = (key: string): string => gatewayOf(key) ?? key.replace(/@.*$/, '');
  const typeLabel = (typeUrl: string): string => LABELS.get(typeUrl) ?? 'other';
  return {
    onRefusal: () => metrics.countRefusal(),
    onAnswer: ({ key, typeUrl, seconds }) => metrics.observePush(gatewayLabel(key), typeLabel(typeUrl), seconds),
    onStreamEnd: ({ key, variant, seconds }) =>
      metrics.observeStream(key === undefined ? 'none' : gatewayLabel(key), variant, seconds),
    countRejection: ({ key, typeUrl }) => metrics.countNack(gatewayLabel(key), typeLabel(typeUrl)),
    observeConvergence: (key, seconds) => metrics.observeConvergence(gatewayLabel(key), seconds),
    countSnapshot(gateway, snapshot, previous) {
      if (previous === undefined) metrics.countSnapshot(gateway, 'created');
      else if (previous.version !== snapshot.version) metrics.countSnapshot(gateway, 'updated');
    },
  };
}
