import { once } from 'node:events';
import { mkdirSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { expect } from 'chai';
import { openRunFolder } from '../../../src/cli/run-folder.ts';
import { spawnChild, tempDir } from '../../support/index.ts';

describe('cli: the folder of a run', () => {
  it('goes with the next start when its run was killed, and nothing else does', async () => {
    const parent = tempDir('folders');
    const program = `
      const { openRunFolder } = await import(${JSON.stringify(new URL('../../../src/cli/run-folder.ts', import.meta.url).href)});
      const { path } = await openRunFolder(process.argv[1]);
      console.log(path);
      setInterval(() => undefined, 1000);`;
    const child = spawnChild(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', program, parent], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const [line] = (await once(child.stdout ?? child, 'data')) as [Buffer];
    const killed = line.toString().trim();
    expect(statSync(killed).mode & 0o777).to.equal(0o700);
    writeFileSync(join(killed, 'bootstrap.json'), '{}');

    // A folder of the same name without a socket, one that is a file, one with another socket.
    for (const name of ['headgate-run-abc123', 'headgate-runner', 'headgate-run-fedcba']) mkdirSync(join(parent, name));
    writeFileSync(join(parent, 'headgate-run-file00'), '');
    const stranger = createServer().listen(join(parent, 'headgate-run-fedcba', 'alive'));
    await once(stranger, 'listening');
    const foreign = ['headgate-run-abc123', 'headgate-run-fedcba', 'headgate-run-file00', 'headgate-runner'];

    const first = await openRunFolder(parent);
    await first.swept;
    const whileItLives = [...foreign, killed, first.path].map((path) => path.split('/').at(-1)).sort();
    expect(readdirSync(parent).sort()).to.deep.equal(whileItLives);

    child.kill('SIGKILL');
    await once(child, 'exit');
    const second = await openRunFolder(parent);
    await second.swept;
    expect(readdirSync(parent)).to.include.members([...foreign, first.path.split('/').at(-1)]);
    expect(readdirSync(parent)).to.not.include(killed.split('/').at(-1));
    await first.remove();
    await second.remove();
    expect(readdirSync(parent).sort()).to.deep.equal(foreign);
    stranger.close();
  });
});
