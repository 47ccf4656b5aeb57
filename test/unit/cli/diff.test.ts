import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect } from 'chai';
import { parse } from 'yaml';
import { CHAT, gateway, headgate, SECRET, yamlFile } from './cli.ts';

/** One line a difference. */
async function summary(before: string, after: string): Promise<string[]> {
  const { stdout } = await headgate(['diff', '--summary', yamlFile(before), yamlFile(after)]);
  return stdout.trimEnd().split('\n');
}

describe('cli: diff', () => {
  it('exits 0 and prints nothing where nothing differs', async () => {
    const reordered = CHAT.split('\n---\n').reverse().join('\n---\n');
    const { code, stdout, stderr } = await headgate(['diff', yamlFile(CHAT), yamlFile(reordered)]);
    expect({ code, stdout, stderr }).to.deep.equal({
      code: 0,
      stdout: '',
      stderr: '0 added, 0 changed, 0 removed\n',
    });
  });

  it('exits 1 and shows the lines that differ, with the object behind them', async () => {
    const { code, stdout, stderr } = await headgate([
      'diff',
      yamlFile(CHAT),
      yamlFile(CHAT.replace('192.0.2.1', '192.0.2.9'), 'new.yaml'),
    ]);
    expect(code).to.equal(1);
    const lines = stdout.split('\n').map((line) => line.trim());
    expect(lines[0]).to.equal(
      'changed default/ai endpoints AIServiceBackend/default/backup (from Backend/default/backup)',
    );
    expect(lines).to.include('-              address: 192.0.2.1').and.include('+              address: 192.0.2.9');
    expect(stderr).to.match(/changed in the source: Backend\/default\/backup \(.*new\.yaml:\d+:1\)/);
    expect(stderr).to.contain('0 added, 1 changed, 0 removed');
  });

  it('finds the cause of each difference', async () => {
    expect(await summary(CHAT, CHAT.replace('port: 443', 'port: 444'))).to.deep.equal([
      'changed default/ai cluster AIServiceBackend/default/openai (from Backend/default/openai)',
    ]);
    expect(
      await summary(CHAT, CHAT.replace('{hostname: api.openai.test, well', '{hostname: x.test, well')),
    ).to.deep.equal([
      'changed default/ai cluster AIServiceBackend/default/openai (from BackendTLSPolicy/default/openai)',
    ]);
    expect(await summary(CHAT, CHAT.replace('value: gpt}', 'value: gpt-5}'))).to.deep.equal([
      'changed default/ai route Gateway/default/ai/port/8080 (from AIGatewayRoute/default/chat)',
    ]);
    expect(await summary(CHAT, `${CHAT}\n---\n${gateway('other', 8081)}`)).to.deep.equal([
      'added default/other listener Gateway/default/other/port/8081 (from Gateway/default/other)',
      'added default/other route Gateway/default/other/port/8081 (from Gateway/default/other)',
    ]);
  });

  it('sees that a secret changed and shows no value', async () => {
    const other = SECRET.replace(/\w+$/, 'another-key-entirely');
    const files = [yamlFile(CHAT), yamlFile(CHAT.replace(SECRET, other))];
    for (const output of ['table', 'json', 'yaml']) {
      const { code, stdout, stderr } = await headgate(['diff', '-o', output, ...files]);
      expect(code).to.equal(1);
      expect(stdout).to.contain('Secret/default/openai-key');
      expect(stdout + stderr).to.not.contain(SECRET);
      expect(stdout + stderr).to.not.contain(other);
    }
  });

  it('prints one document for programs', async () => {
    const files = [yamlFile(CHAT), yamlFile(CHAT.replace('192.0.2.1', '192.0.2.9'))];
    const { stdout } = await headgate(['diff', '-o', 'json', ...files]);
    const document = JSON.parse(stdout);
    expect(document.same).to.equal(false);
    expect(document.changes).to.have.length(1);
    expect(document.changes[0]).to.include({
      change: 'changed',
      gateway: 'default/ai',
      type: 'endpoints',
      name: 'AIServiceBackend/default/backup',
    });
    expect(document.changes[0].causes).to.deep.equal(['Backend/default/backup']);
    expect(document.sourceObjects[0]).to.include({ object: 'Backend/default/backup', change: 'changed' });
    expect(parse((await headgate(['diff', '-o', 'yaml', ...files])).stdout).same).to.equal(false);
  });

  it('compares with what a server has', async () => {
    const served = (await headgate(['translate', yamlFile(CHAT)])).stdout;
    const server = createServer((request, response) => {
      const isDump = request.url === '/config_dump?gateway=default%2Fai&include_eds';
      if (!isDump && request.url !== '/api/status') response.writeHead(404);
      response.end(isDump ? served : JSON.stringify({ gateways: ['default/ai'] }));
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const address = `127.0.0.1:${(server.address() as AddressInfo).port}`;
    try {
      const same = await headgate(['diff', '--server', address, yamlFile(CHAT)]);
      expect({ code: same.code, stdout: same.stdout }).to.deep.equal({ code: 0, stdout: '' });
      const changed = yamlFile(CHAT.replace('192.0.2.1', '192.0.2.9'));
      const other = await headgate(['diff', '--summary', '--server', `http://${address}`, changed]);
      expect(other.code).to.equal(1);
      expect(other.stdout).to.equal(
        'changed default/ai endpoints AIServiceBackend/default/backup (from AIServiceBackend/default/backup)\n',
      );
    } finally {
      server.close();
      server.closeAllConnections();
    }
    expect((await headgate(['diff', '--server', address, yamlFile(CHAT)])).code).to.equal(2);
  });

  it('exits 2 on trouble', async () => {
    const good = yamlFile(CHAT);
    for (const args of [
      [good],
      [good, good, good],
      [good, yamlFile('a: [')],
      ['--nonsense', good, good],
      ['--gateway', 'a/b', good, good],
    ]) {
      const { code, stderr } = await headgate(['diff', ...args]);
      expect(code).to.equal(2);
      expect(stderr).to.not.equal('');
    }
  });
});
