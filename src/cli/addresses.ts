export interface Address {
  readonly host: string;
  readonly port: number;
}

/** `HOST:PORT`, IPv6 addresses in brackets. */
export function formatAddress({ host, port }: Address): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}
