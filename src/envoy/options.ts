import { type Capabilities, isOlder } from './capabilities.ts';
import type { ControlTls } from './control-tls.ts';

/** Where the processor is that translates, as Envoys see it. */
export interface ProcessorTarget {
  readonly address:
    | { readonly kind: 'unix'; readonly path: string }
    | { readonly kind: 'tcp'; readonly host: string; readonly port: number };
  /** Present: TLS. Files on the Envoy's host. */
  readonly tls?: { readonly ca: string; readonly cert?: string; readonly key?: string };
  /** It does not answer: backends that need it are left out until it does. */
  readonly isDown?: boolean;
}

/** Where `headgate processor` listens by default. */
const PROCESSOR_PORT = 18003;

/** What is the same for all gateways of one control plane. */
export interface CompileOptions {
  /** Loopback port of the sentinel listener (sentinel.ts). */
  readonly sentinelPort: number;
  /** Trust store on the Envoy's host, for backends that trust the system's authorities. */
  readonly systemCaPath: string;
  /** Where Envoys find the rate limit service. Absent: there is none. */
  readonly rateLimit?: RateLimitAddress;
  /** Absent: nothing is translated. */
  readonly processor?: ProcessorTarget;
}

/** A rate limit service as Envoys reach it. */
export interface RateLimitAddress {
  readonly host: string;
  readonly port: number;
  readonly tls?: ControlTls;
}

export const DEFAULT_COMPILE_OPTIONS: CompileOptions = {
  sentinelPort: 18008,
  systemCaPath: '/etc/ssl/certs/ca-certificates.crt',
  rateLimit: { host: '127.0.0.1', port: 18002 },
  processor: { address: { kind: 'tcp', host: '127.0.0.1', port: PROCESSOR_PORT } },
};

/** Whether attempts are translated at all: there is a processor, and this Envoy can ask it. */
export function doesTranslate(capabilities: Capabilities, { processor }: Pick<CompileOptions, 'processor'>): boolean {
  const { features } = capabilities;
  // Older Envoys translate where an attempt passes a second time.
  const canAsk = features.has('ext_proc') && (!isOlder(capabilities) || features.has('internal_listener'));
  return processor !== undefined && canAsk;
}
