import { spawn, spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { expect } from 'chai';
import { CHAT, yamlFile } from '../unit/cli/cli.ts';

const ROOT = join(import.meta.dirname, '..', '..');
const MAIN = join(ROOT, 'dist', 'cli', 'main.js');

function headgate(args: readonly string[], input = ''): { status: number | null; stdout: string; stderr: string } {
  return spawnSync(process.execPath, [MAIN, ...args], { input, encoding: 'utf8', timeout: 20_000 });
}

describe('the command as it is installed', function () {
  this.timeout(120_000);

  before(() => {
    const built = spawnSync(process.execPath, [join(ROOT, 'scripts', 'build.mjs')], { encoding: 'utf8' });
    // Building is no part of these tests, and it does nothing where dist is what the sources give.
    expect(built.stderr).to.not.contain('error');
  });

  it('runs, and exits with the codes it says', () => {
    expect(headgate(['version'])).to.include({ status: 0, stderr: '' });
    expect(headgate(['validate', '-'], CHAT)).to.include({ status: 0, stdout: '' });
    expect(headgate(['validate', '-'], 'a: [')).to.include({ status: 1 });
    expect(headgate(['nonsense'])).to.include({ status: 2, stdout: '' });
    expect(headgate(['diff', '--server', '127.0.0.1:1', yamlFile(CHAT)])).to.include({ status: 2 });
  });

  it('gives a whole document through a pipe', () => {
    const { status, stdout } = headgate(['translate', '-'], CHAT);
    expect(status).to.equal(0);
    expect(stdout.length).to.be.greaterThan(65_536);
    expect(JSON.parse(stdout).configs).to.have.length(7);
  });

  it('stops quietly when nobody reads on', async () => {
    const child = spawn(process.execPath, [MAIN, 'translate', yamlFile(CHAT)], { stdio: ['ignore', 'pipe', 'pipe'] });
    let stderr = '';
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      stderr += text;
    });
    child.stdout.once('data', () => child.stdout.destroy());
    const status = await new Promise((resolve) => child.once('close', resolve));
    expect({ status, stderr }).to.deep.equal({ status: 0, stderr: '' });
  });

  it('loads for a version neither the protobuf codec nor the schemas', () => {
    const { stderr } = spawnSync(process.execPath, [MAIN, 'version'], {
      encoding: 'utf8',
      env: { ...process.env, NODE_DEBUG: 'esm' },
    });
    expect(stderr).to.contain('commander');
    expect(stderr).to.not.match(/protobufjs|typebox|grpc-js/);
  });
});
