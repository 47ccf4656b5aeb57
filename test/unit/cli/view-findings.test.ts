import { expect } from 'chai';
import { viewFindings } from '../../../src/cli/view-findings.ts';
import { capabilitiesOf } from '../../../src/envoy/index.ts';
import type { Finding } from '../../../src/lib/findings.ts';

const lacking: Finding = {
  code: 'HG0601',
  level: 'error',
  message: 'Envoy 1.36.4 cannot serve this rule (501): it lacks Lua filters (Envoy 1.40.0 and later)',
  scope: 'Envoy 1.36.4',
};
const other: Finding = { code: 'HG0701', level: 'error', message: 'Envoy 1.36.4 is not the point', scope: 'gateway a' };
const views = new Map([['a@1', { capabilities: capabilitiesOf('1.36.4'), findings: [lacking, other] }]]);

const node = (key: string | undefined, userAgentVersion?: string) => ({
  ...(key !== undefined && { key }),
  node: {
    id: 'n',
    cluster: 'a',
    extensions: [],
    clientFeatures: [],
    ...(userAgentVersion !== undefined && { userAgentVersion }),
  },
});

describe('findings of views', () => {
  it('name every connected version that gets the view, once, and no other', () => {
    const nodes = [
      node('a@1', '1.37.10'),
      node('a@1', '1.37.9'),
      node('a@1', '1.37.9'),
      node('b@1', '1.40.0'),
      node('a@1'),
    ];
    expect(viewFindings(views, nodes)).to.deep.equal([
      {
        ...lacking,
        message: 'Envoy 1.37.9, 1.37.10 cannot serve this rule (501): it lacks Lua filters (Envoy 1.40.0 and later)',
        scope: 'Envoy 1.37.9, 1.37.10',
      },
      other,
    ]);
  });

  it('name the version that was compiled for while none is connected', () => {
    expect(viewFindings(views, [node(undefined, '1.40.0')])).to.deep.equal([lacking, other]);
  });
});
