import { once } from 'node:events';
import { expect } from 'chai';
import { freePorts, spawnChild } from '../../support/index.ts';

const MODULE = new URL('../../support/ports.ts', import.meta.url).href;

/** Where all processes begin to look. */
const START = Math.random();

/** A process that says which ports it was given, and stays. */
async function portsElsewhere(count: number) {
  const program = `
    const { freePorts } = await import(${JSON.stringify(MODULE)});
    Math.random = () => ${START};
    console.log(JSON.stringify(await freePorts(${count})));
    setInterval(() => undefined, 1000);`;
  const child = spawnChild(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', program], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [line] = (await once(child.stdout ?? child, 'data')) as [Buffer];
  return { child, ports: JSON.parse(line.toString()) as number[] };
}

describe('support: free ports', () => {
  it('are given to one process alone, and again once it is gone', async function () {
    this.timeout(20_000);
    const processes = await Promise.all([portsElsewhere(150), portsElsewhere(150), portsElsewhere(20)]);
    const here = await freePorts(20);
    const all = [...processes.flatMap(({ ports }) => ports), ...here];
    expect(new Set(all).size).to.equal(340);
    for (const { child } of processes) {
      child.kill('SIGKILL');
      await once(child, 'exit');
    }
    const after = await portsElsewhere(20);
    expect(processes.flatMap(({ ports }) => ports)).to.include.members(after.ports);
    after.child.kill('SIGKILL');
  });
});
