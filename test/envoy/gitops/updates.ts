import type { EnvoyProcess } from '../../support/index.ts';

/** How often Envoy took over what, by type. */
export async function updates(envoy: EnvoyProcess) {
  const stats = await envoy.stats('update_success$|config_reload$|cluster_(added|modified|removed)$');
  const sum = (pattern: RegExp): number =>
    Object.entries(stats).reduce((total, [name, value]) => total + (pattern.test(name) ? value : 0), 0);
  return {
    clusters: sum(/^cluster_manager\.cluster_(added|modified|removed)$/),
    endpoints: sum(/^cluster\.AIServiceBackend.*update_success$/),
    listeners: sum(/^listener_manager\.lds\.update_success$/),
    routes: sum(/\.rds\..*config_reload$/),
    secrets: sum(/^sds\..*update_success$/),
  };
}
