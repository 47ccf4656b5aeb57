import { readFileSync, writeFileSync } from 'node:fs';
import { expect } from 'chai';
import { FINDINGS_DOC, findingsDoc } from '../../../scripts/findings-doc.ts';

describe('catalogue of findings', () => {
  it('is what the page of findings shows', () => {
    if (process.env.UPDATE_GOLDEN === '1') writeFileSync(FINDINGS_DOC, findingsDoc());
    expect(readFileSync(FINDINGS_DOC, 'utf8'), 'make it with: npx tsx scripts/findings-doc.ts').to.equal(findingsDoc());
  });
});
