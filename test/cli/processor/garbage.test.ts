/** What an exchange leaves in the old generation: all of it would have V8 search the whole heap every few thousand requests. */
import { execFileSync } from 'node:child_process';
import { dirname } from 'node:path';
import { expect } from 'chai';
import { build, MAIN } from '../running.ts';

/** As built, since what tests are transformed by makes garbage of its own. */
const SCRIPT = `
import { setImmediate as turn } from 'node:timers/promises';
import { getHeapSpaceStatistics } from 'node:v8';
const from = (path) => import(new URL(path, 'file://' + process.argv[1] + '/').href);
const { createLoopback } = await from('lib/http2/loopback.js');
const { openExchange } = await from('processor/exchange.js');
const { createSamples } = await from('processor/samples.js');
const { createStatistics } = await from('processor/statistics.js');
const { createTranslation } = await from('providers/translations.js');
const onBug = (caught) => { throw caught; };
const options = { createTranslation, maxExchanges: 1e6, maxBodyBytes: 1e6, statistics: createStatistics(), onBug };
const loopback = createLoopback('/x', { kind: 'duplex', open: (answers) => openExchange(answers, options) }, onBug);
const old = () => getHeapSpaceStatistics().find((one) => one.space_name === 'old_space').space_used_size;
async function run(sample, calls) {
  for (let i = 0; i < calls; i++) {
    loopback.call(sample);
    if (i % 4 === 0) await turn();
  }
}
const left = [];
for (const sample of createSamples()) {
  // What is compiled and cached on the way stays, and is no garbage.
  await run(sample, 4000);
  const turns = [];
  for (let i = 0; i < 3; i++) {
    gc();
    const before = old();
    await run(sample, 1500);
    gc({ type: 'minor' });
    gc({ type: 'minor' });
    turns.push(Math.round((old() - before) / 1500));
  }
  // A turn in which all was searched says nothing.
  left.push(Math.min(...turns.filter((bytes) => bytes >= 0)));
}
console.log(JSON.stringify(left));
process.exit(0);
`;

describe('headgate processor: garbage', function () {
  this.timeout(120_000);
  before(build);

  it('is all young: an exchange that has ended leaves next to nothing in the old generation', () => {
    const flags = ['--expose-gc', '--input-type=module', '--eval', SCRIPT, dirname(dirname(MAIN))];
    const left = JSON.parse(execFileSync(process.execPath, flags, { encoding: 'utf8' })) as number[];
    expect(left.length).to.be.greaterThan(5);
    // Before it was taken care of these were 3,500 to 4,700 each.
    for (const bytes of left) expect(bytes, JSON.stringify(left)).to.be.within(0, 1000);
  });
});
