import { spawn, spawnSync } from 'node:child_process';
import { expect } from 'chai';
import { CHAT, yamlFile } from '../unit/cli/cli.ts';
import { build, MAIN, runOnce } from './running.ts';

describe('the command as it is installed', function () {
  this.timeout(120_000);

  before(build);

  it('runs, and exits with the codes it says', () => {
    expect(runOnce(['version'])).to.include({ status: 0, stderr: '' });
    expect(runOnce(['validate', '-'], CHAT)).to.include({ status: 0, stdout: '' });
    expect(runOnce(['validate', '-'], 'a: [')).to.include({ status: 1 });
    expect(runOnce(['nonsense'])).to.include({ status: 2, stdout: '' });
    expect(runOnce(['diff', '--server', '127.0.0.1:1', yamlFile(CHAT)])).to.include({ status: 2 });
  });

  it('gives a whole document through a pipe', () => {
    const { status, stdout } = runOnce(['translate', '-'], CHAT);
    expect(status).to.equal(0);
    expect(stdout.length).to.be.greaterThan(65_536);
    expect(JSON.parse(stdout).configs, 'sections, as in a dump of Envoy').to.have.length(8);
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
