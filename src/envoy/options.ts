/** What is the same for all gateways of one control plane. */
export interface CompileOptions {
  /** Loopback port of the sentinel listener (sentinel.ts). */
  readonly sentinelPort: number;
  /** Trust store on the Envoy's host, for backends that trust the system's authorities. */
  readonly systemCaPath: string;
}

export const DEFAULT_COMPILE_OPTIONS: CompileOptions = {
  sentinelPort: 18008,
  systemCaPath: '/etc/ssl/certs/ca-certificates.crt',
};
