import type { ConfigDump } from '../../envoy/config-dump.ts';
import { askAdmin } from '../admin-client.ts';
import type { AdminFlags } from '../admin-options.ts';
import { type DumpedResource, resourcesOfDump } from './side.ts';

/**
 * What a running server has for each of its gateways, or for one; nothing for a gateway that it does not know.
 * Errors: GatewayError as `askAdmin` says.
 */
export async function resourcesOfServer(admin: AdminFlags, gateway: string | undefined): Promise<DumpedResource[]> {
  const { gateways = [] } = (await askAdmin(admin, '/api/status')) as { gateways?: readonly string[] };
  const keys = gateways.filter((key) => gateway === undefined || key === gateway);
  const dumps = await Promise.all(
    keys.map(async (key) => {
      const dump = await askAdmin(admin, `/config_dump?gateway=${encodeURIComponent(key)}&include_eds`);
      return resourcesOfDump(key, dump as ConfigDump);
    }),
  );
  return dumps.flat();
}
