import { readFileSync } from 'node:fs';
import { expect } from 'chai';
import { createMetrics } from '../../../src/telemetry/index.ts';

const PAGE = new URL('../../../docs/metrics.md', import.meta.url);
const NOTHING = { clients: 0, waiting: 0, staleSeconds: 0, findings: { error: 0, warning: 0, info: 0 } };

describe('docs/metrics.md', () => {
  it('has every metric of the control plane with its labels, and no other', async () => {
    const text = await createMetrics({ version: '0', envoyApi: '0' }, () => NOTHING).expose();
    const names = [...text.matchAll(/^# TYPE (\S+) /gm)].map((match) => match[1] ?? '');
    const own = names.filter((name) => !/^(process|nodejs)_/.test(name));
    const rows = [...readFileSync(PAGE, 'utf8').matchAll(/^\| `(\w+)`/gm)].map((match) => match[1] ?? '');
    expect(rows).to.have.members(own);
    expect(own.length).to.be.greaterThan(15);
  });
});
