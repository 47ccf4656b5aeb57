/** A raw xDS client that asks for all of every type, and remembers it as a proxy would. */
import { createHash } from 'node:crypto';
import { discoveryCodec } from '../../src/envoy/schema/index.ts';
import { TYPE } from '../../src/xds/index.ts';
import { connect, type Received, type Variant } from '../wire/client.ts';

const TYPES = [TYPE.cluster, TYPE.endpoints, TYPE.listener, TYPE.route, TYPE.secret];

/** What is held of a type. Shape: `resources` from names to versions (delta), or to hashes of bytes (SotW). */
export interface Held {
  readonly version: string;
  readonly resources: Readonly<Record<string, string>>;
}

export type Holding = Readonly<Record<string, Held>>;

/** As an Envoy with all that is compiled for, but without its ways of asking. */
const NODE = {
  id: 'raw',
  cluster: 'default/gw',
  user_agent_name: 'raw',
  user_agent_build_version: { version: { major_number: 1, minor_number: 40 } },
  extensions: [
    'envoy.filters.http.lua',
    'envoy.filters.http.router',
    'envoy.filters.http.ratelimit',
    'envoy.filters.http.credential_injector',
    'envoy.router.cluster_specifier_plugin.priority_group',
    'envoy.network.dns_resolver.getaddrinfo',
  ].map((name) => ({ name })),
};

/**
 * Asks for everything, as one that holds `before` already, and acknowledges until nothing more comes, once there was
 * something of so many types. Shape: what came on this stream, by type.
 */
export async function askForAll(
  port: number,
  variant: Variant,
  { before = {}, types = TYPES.length }: { readonly before?: Holding; readonly types?: number } = {},
): Promise<Holding> {
  const client = connect({ port, variant, node: NODE });
  const held: Record<string, Held> = {};
  try {
    for (const typeUrl of TYPES) {
      const { version = '', resources = {} } = before[typeUrl] ?? {};
      client.ask(
        variant === 'sotw'
          ? { typeUrl, names: ['*'], versionInfo: version }
          : { typeUrl, subscribe: ['*'], initial: resources },
      );
    }
    for (;;) {
      const isAll = Object.keys(held).length >= types;
      const response = await client.next(isAll ? 500 : 10_000).catch((error: unknown) => {
        if (!isAll) throw error;
      });
      if (!response) return held;
      const earlier = variant === 'delta' ? held[response.typeUrl]?.resources : {};
      held[response.typeUrl] = {
        version: response.version,
        resources: { ...earlier, ...resourcesOf(response, variant) },
      };
      client.ack(response, ['*']);
    }
  } finally {
    client.close();
  }
}

function resourcesOf({ raw }: Received, variant: Variant): Record<string, string> {
  if (variant === 'delta') {
    const { resources = [] } = discoveryCodec.decodeDeltaResponse(raw);
    return Object.fromEntries(resources.map(({ name, version }) => [name, version ?? '']));
  }
  const { resources = [] } = discoveryCodec.decodeResponse(raw);
  const hashes = resources.map(({ value }) => createHash('sha256').update(value).digest('hex'));
  return Object.fromEntries(hashes.sort().map((hash, i) => [String(i), hash]));
}
