import { expect } from 'chai';
import { checkResources } from '../../../src/envoy/check-resources.ts';
import { checkConsistency } from '../../../src/envoy/consistency.ts';
import type { EnvoyResource, ResourceReference } from '../../../src/envoy/index.ts';
import { routeFactsMetadata } from '../../../src/envoy/lua.ts';

const ADS = { ads: {}, resource_api_version: 'V3' };

function cluster(name: string, message: object = {}, requires: ResourceReference[] = []): EnvoyResource {
  return { type: 'cluster', name, message: { name, ...message }, requires };
}

function edsCluster(name: string): EnvoyResource {
  const message = { type: 'EDS', eds_cluster_config: { eds_config: ADS } };
  return cluster(name, message, [{ type: 'endpoints', name }]);
}

function endpoints(name: string): EnvoyResource {
  return { type: 'endpoints', name, message: { cluster_name: name }, requires: [] };
}

function listener(name: string, port: number, routeConfig: string, address = '0.0.0.0'): EnvoyResource {
  const manager = {
    '@type': 'type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager',
    stat_prefix: 'http',
    rds: { route_config_name: routeConfig, config_source: ADS },
  };
  const message = {
    name,
    address: { socket_address: { address, port_value: port } },
    filter_chains: [{ filters: [{ name: 'hcm', typed_config: manager }] }],
  };
  return { type: 'listener', name, message, requires: [{ type: 'route', name: routeConfig }] };
}

/** A route configuration with one route in a matcher. */
function routes(name: string, action: object, domains: readonly string[] = ['*']): EnvoyResource {
  const route = { '@type': 'type.googleapis.com/envoy.config.route.v3.Route', match: { prefix: '/' }, ...action };
  const onMatch = { action: { name: 'route', typed_config: route } };
  const host = (domain: string): object => ({ name: domain, domains: [domain], matcher: { on_no_match: onMatch } });
  return { type: 'route', name, message: { name, virtual_hosts: domains.map(host) }, requires: [] };
}

/** Listener, routes and cluster that fit. */
function fitting(action: object): EnvoyResource[] {
  return [edsCluster('a'), endpoints('a'), listener('l', 8080, 'r'), routes('r', action)];
}

function problems(resources: readonly EnvoyResource[]): string[] {
  return checkConsistency(resources).map(({ code, level, message }) => {
    expect({ code, level }).to.deep.equal({ code: 'HG0701', level: 'error' });
    return message;
  });
}

describe('consistency of compiled resources', () => {
  it('has nothing to say of resources that fit', () => {
    expect(problems(fitting({ route: { cluster: 'a' } }))).to.deep.equal([]);
  });

  it('finds clusters that routes name in any way', () => {
    const missing = ['route r names the cluster b, which does not exist'];
    const plugin = (groups: object): object => ({
      inline_cluster_specifier_plugin: { extension: { name: 'p', typed_config: { priority_groups: [groups] } } },
    });
    const actions: object[] = [
      { cluster: 'b' },
      { weighted_clusters: { clusters: [{ name: 'a' }, { name: 'b' }] } },
      { cluster: 'a', request_mirror_policies: [{ cluster: 'b' }] },
      plugin({ clusters: [{ cluster_name: 'a' }, { cluster_name: 'b' }] }),
    ];
    for (const route of actions) expect(problems(fitting({ route })), JSON.stringify(route)).to.deep.equal(missing);
    const grpc = { route: { cluster: 'a' }, filter: { grpc_service: { envoy_grpc: { cluster_name: 'b' } } } };
    expect(problems(fitting(grpc))).to.deep.equal(missing);
    const metadata = routeFactsMetadata({ name: 'default/r', refs: { a: {}, b: {} } });
    expect(problems(fitting({ route: { cluster: 'a' }, metadata }))).to.deep.equal(missing);
  });

  it('knows the cluster that is meant not to exist', () => {
    expect(problems(fitting({ route: { cluster: 'headgate/invalid-backend' } }))).to.deep.equal([]);
  });

  it('finds missing and unused endpoints and routes', () => {
    const [eds, , front, back] = fitting({ route: { cluster: 'a' } }) as [
      EnvoyResource,
      EnvoyResource,
      EnvoyResource,
      EnvoyResource,
    ];
    expect(problems([eds, front, back])).to.deep.equal(['cluster a names the endpoints a, which does not exist']);
    expect(problems([eds, endpoints('a'), front])).to.deep.equal([
      'listener l names the route r, which does not exist',
    ]);
    expect(problems([eds, endpoints('a'), endpoints('b'), front, back, routes('s', {})])).to.deep.equal([
      'endpoints b is used by nothing',
      'route s is used by nothing',
    ]);
  });

  it('finds secrets that are missing or not required', () => {
    const tls = { transport_socket: { typed_config: { certs: [{ name: 's', sds_config: ADS }] } } };
    const secret: EnvoyResource = { type: 'secret', name: 's', message: { name: 's' }, requires: [] };
    const needs: ResourceReference[] = [{ type: 'secret', name: 's' }];
    expect(problems([cluster('a', tls, needs), secret])).to.deep.equal([]);
    expect(problems([cluster('a', tls, needs)])).to.deep.equal(['cluster a names the secret s, which does not exist']);
    expect(problems([cluster('a', tls), secret])).to.deep.equal(['cluster a uses the secret s without requiring it']);
  });

  it('finds what is there twice', () => {
    expect(problems([cluster('a'), cluster('a')])).to.deep.equal(['cluster a is there twice']);
    const [, , front] = fitting({});
    const hosts = routes('r', {}, ['x.com', 'X.com']);
    expect(problems([front as EnvoyResource, hosts])).to.deep.equal(['route r has the domain x.com twice']);
    const both = [listener('l', 8080, 'r'), listener('m', 8080, 'r', '127.0.0.1'), routes('r', {})];
    expect(problems(both)).to.deep.equal(['listener m binds port 8080, which l binds too']);
    const apart = [listener('l', 8080, 'r', '127.0.0.2'), listener('m', 8080, 'r', '127.0.0.1'), routes('r', {})];
    expect(problems(apart)).to.deep.equal([]);
  });

  it('leads back to the object, and takes schema and constraints in', () => {
    const origin = { object: 'Gateway/default/g', field: [] };
    const broken: EnvoyResource[] = [
      { ...cluster('a', { nonsense: 1 }), origin },
      cluster('b', { connect_timeout: '-1s' }),
    ];
    const [first, second] = checkResources(broken);
    expect(second).to.include({ object: 'Gateway/default/g' });
    expect(second?.message).to.match(/^cluster a: .*nonsense/);
    expect(first?.message).to.match(/^cluster b: connect_timeout must/);
  });
});
