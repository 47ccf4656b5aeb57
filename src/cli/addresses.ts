import { InvalidArgumentError } from 'commander';

export interface Address {
  readonly host: string;
  readonly port: number;
}

/** `HOST:PORT`, IPv6 addresses in brackets. */
export function formatAddress({ host, port }: Address): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}

/** Shape: `HOST:PORT`, or `:PORT` for loopback. */
export function parseAddress(text: string): Address {
  const match = /^(?:\[([^\]]+)\]|([^:]*)):(\d{1,5})$/.exec(text);
  const port = Number(match?.[3]);
  if (!match || port > 65_535) throw new InvalidArgumentError('It must be HOST:PORT or :PORT.');
  return { host: match[1] ?? (match[2] || '127.0.0.1'), port };
}
