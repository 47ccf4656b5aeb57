/** `headgate run` with limits: the example as it stands, and buckets that outlive the process. */
import { join } from 'node:path';
import { expect } from 'chai';
import { postJson, tempDir, until } from '../support/index.ts';
import { build, exampleOnFreePorts, type Running, startCommand } from './running.ts';

const BODY = { model: 'demo-model', max_tokens: 300, messages: [{ role: 'user', content: 'Hello' }] };

describe('headgate run with limits', function () {
  this.timeout(120_000);
  before(build);

  it('serves the example, refuses a tenant without room, and remembers it after a restart', async () => {
    const { folder, port } = await exampleOnFreePorts('limits');
    const args = ['run', folder, '--state-file', join(tempDir('state'), 'buckets')];
    const ask = (tenant: string) => postJson(port, '/v1/chat/completions', BODY, { 'x-tenant': tenant });
    const start = async (): Promise<Running> => {
      const command = await startCommand(args);
      await command.says('Gateway default/limits serves');
      return command;
    };

    let command = await start();
    try {
      const first = await ask('a');
      expect(first.status, first.text).to.equal(200);
      expect(first.headers['x-ratelimit-limit']).to.equal('2000, 2000;w=3600');
      await until(async () => (await ask('a')).status === 429, { what: 'a refusal' });
      expect((await ask('b')).status).to.equal(200);
    } finally {
      expect(await command.stop()).to.equal(0);
    }
    command = await start();
    try {
      const refused = await ask('a');
      expect(refused.status).to.equal(429);
      expect(Number(refused.headers['retry-after'])).to.be.within(1, 3600);
    } finally {
      await command.stop();
    }
  });
});
