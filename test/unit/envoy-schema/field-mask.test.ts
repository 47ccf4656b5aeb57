import { expect } from 'chai';
import { trimMessage } from '../../../src/envoy/schema/index.ts';

const DUMP = 'envoy.admin.v3.ClustersConfigDump.DynamicCluster';
const ENTRY = {
  '@type': `type.googleapis.com/${DUMP}`,
  version_info: '1',
  cluster: { '@type': 'type.googleapis.com/envoy.config.cluster.v3.Cluster', name: 'a' },
  error_state: { details: 'no', version_info: '2' },
};

describe('field masks', () => {
  const cases: readonly (readonly [what: string, paths: string[], expected: object | undefined])[] = [
    ['everything without a path', [], ENTRY],
    ['a field', ['version_info'], { '@type': ENTRY['@type'], version_info: '1' }],
    ['a field of a field', ['error_state.details'], { '@type': ENTRY['@type'], error_state: { details: 'no' } }],
    [
      'a whole field, in spite of a path into it',
      ['error_state.details', 'error_state'],
      { '@type': ENTRY['@type'], error_state: ENTRY.error_state },
    ],
    [
      'a whole field, in spite of a later path into it',
      ['error_state', 'error_state.details'],
      { '@type': ENTRY['@type'], error_state: ENTRY.error_state },
    ],
    ['nothing of what is not set', ['last_updated'], { '@type': ENTRY['@type'] }],
    ['no path through a scalar', ['version_info.x'], undefined],
    ['no path through an Any', ['cluster.name'], undefined],
    ['no unknown field, whatever else is named', ['version_info', 'nobody'], undefined],
    ['no empty path', ['version_info', ''], undefined],
  ];
  for (const [what, paths, expected] of cases) {
    it(`know ${what}`, () => expect(trimMessage(DUMP, ENTRY, paths)).to.deep.equal(expected));
  }
});
