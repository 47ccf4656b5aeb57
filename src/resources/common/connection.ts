import { bool, choice, int32, object, optional, type Static, text } from '../schema.ts';
import { ByteQuantity, Duration, Percent } from './scalars.ts';

/** TCP keepalive probes. */
export const TcpKeepalive = object({
  idleTime: optional(Duration),
  interval: optional(Duration),
  probes: optional(int32()),
});
export type TcpKeepalive = Static<typeof TcpKeepalive>;

/** Buffers and preconnecting. */
export const BackendConnection = object({
  bufferLimit: optional(ByteQuantity),
  preconnect: optional(
    object({
      perEndpointPercent: optional(int32({ maximum: 300, minimum: 100 })),
      predictivePercent: optional(int32({ minimum: 100 })),
    }),
  ),
  socketBufferLimit: optional(ByteQuantity),
});
export type BackendConnection = Static<typeof BackendConnection>;

/** HTTP/2 towards backends. */
export const Http2Settings = object({
  connectionKeepalive: optional(
    object(
      {
        idleInterval: optional(Duration),
        interval: optional(Duration),
        intervalJitter: optional(Percent),
        timeout: optional(Duration),
      },
      {
        rules: [
          {
            rule: '!has(self.timeout) || !has(self.interval) || duration(self.timeout) < duration(self.interval)',
            message: 'timeout is not shorter than interval',
          },
        ],
      },
    ),
  ),
  initialConnectionWindowSize: optional(ByteQuantity),
  initialStreamWindowSize: optional(ByteQuantity),
  maxConcurrentStreams: optional(int32({ maximum: 2147483647, minimum: 1 })),
  onInvalidMessage: optional(text()),
});
export type Http2Settings = Static<typeof Http2Settings>;

/** How host names of endpoints are resolved. */
export const DnsSettings = object({
  dnsRefreshRate: optional(Duration),
  lookupFamily: optional(choice(['IPv4', 'IPv6', 'IPv4Preferred', 'IPv6Preferred', 'IPv4AndIPv6'])),
  respectDnsTtl: optional(bool()),
});
export type DnsSettings = Static<typeof DnsSettings>;

/** PROXY protocol towards backends. */
export const ProxyProtocol = object({ version: choice(['V1', 'V2']) });
export type ProxyProtocol = Static<typeof ProxyProtocol>;
