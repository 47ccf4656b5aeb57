import { expect } from 'chai';
import { nameMatcher, selectFrom } from '../../../src/envoy/dump-query.ts';

const CLUSTER = { '@type': 'type.googleapis.com/envoy.config.cluster.v3.Cluster', name: 'a', type: 'EDS' };
const DUMP = {
  configs: [
    {
      '@type': 'type.googleapis.com/envoy.admin.v3.ClustersConfigDump',
      dynamic_active_clusters: [{ version_info: '1', cluster: CLUSTER }, { error_state: { details: 'no' } }],
    },
  ],
};
const ITEM = 'type.googleapis.com/envoy.admin.v3.ClustersConfigDump.DynamicCluster';

// Everything else is held against a real Envoy (test/envoy/xds/config-dump.test.ts).
describe('queries of a config dump', () => {
  it('take the whole resource of an item by its field, where Envoy refuses', () => {
    const of = (mask: string) =>
      selectFrom(DUMP, { resource: 'dynamic_active_clusters', mask, includeEds: false }).configs;
    expect(of('cluster')).to.deep.equal([{ '@type': ITEM, cluster: CLUSTER }, { '@type': ITEM }]);
    expect(of('cluster.name,error_state')).to.deep.equal([
      { '@type': ITEM, cluster: { '@type': CLUSTER['@type'], name: 'a' } },
      { '@type': ITEM, error_state: { details: 'no' } },
    ]);
  });

  it('match whole names', () => {
    const matches = nameMatcher({ nameRegex: 'a/.*', includeEds: false });
    expect(['a/b', 'a', 'x/a/b'].map(matches)).to.deep.equal([true, false, false]);
    expect(() => nameMatcher({ nameRegex: '(?=a)', includeEds: false })).to.throw(/name_regex from \(\?=a\): /);
  });
});
