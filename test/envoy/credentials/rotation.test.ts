import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'chai';
import { configDump } from '../../../src/envoy/config-dump.ts';
import { type Fake, startAnthropic, startAzure } from '../../fakes/index.ts';
import { until } from '../../support/index.ts';
import { expectAllServed, type Rig, startRig } from '../failover/rig.ts';

/** Each kind of key: the header that carries it, as the provider sees it. */
const KINDS = {
  openai: { header: 'authorization', value: (key: string) => `Bearer ${key}`, path: '/v1/chat/completions' },
  azure: { header: 'api-key', value: (key: string) => key, path: '/v1/chat/completions' },
  anthropic: { header: 'x-api-key', value: (key: string) => key, path: '/anthropic/v1/messages' },
} as const;

describe('credentials: rotation', function () {
  this.timeout(60_000);
  let rig: Rig;

  before(async () => {
    const keys = ['key-old', 'key-new'];
    const more: Record<string, Fake> = {
      azure: await startAzure({ name: 'azure', keys }),
      anthropic: await startAnthropic({ name: 'anthropic', keys }),
    };
    rig = await startRig(
      { openai: { keys }, b: {} },
      (at) => ({
        backends: {
          openai: at('openai', { key: 'key-old' }),
          azure: at('azure', {
            key: 'key-old',
            keyType: 'AzureAPIKey',
            schema: { name: 'AzureOpenAI', version: '2025-01-01-preview' },
          }),
          anthropic: at('anthropic', { key: 'key-old', keyType: 'AnthropicAPIKey', schema: { name: 'Anthropic' } }),
          b: at('b'),
        },
        models: {
          openai: { refs: ['openai', 'b'] },
          azure: { refs: ['azure', 'b'] },
          anthropic: { refs: ['anthropic'] },
        },
      }),
      { more },
    );
  });
  beforeEach(() => rig.reset());
  afterEach(() => rig.assertNoLeak());
  after(() => rig?.stop());

  const withKey = (key: string): Promise<void> =>
    rig.apply((facts) => ({
      ...facts,
      backends: Object.fromEntries(
        Object.entries(facts.backends).map(([name, one]) => [name, name === 'b' ? one : { ...one, key }]),
      ),
    }));
  const updates = (): Promise<Record<string, number>> =>
    rig.gateway.envoy.stats(
      '(cluster_manager.cluster_(added|modified|removed)|cluster_manager.cds.update_success|lds.update_success|rds.*config_reload|listener_(added|modified))$',
    );

  it('sends each provider its own key in its own header', async () => {
    for (const [name, { header, value, path }] of Object.entries(KINDS)) {
      const body = name === 'anthropic' ? { max_tokens: 5 } : {};
      const headers = name === 'anthropic' ? { 'anthropic-version': '2023-06-01' } : {};
      const response = await rig.ask(name, { path, body, headers });
      expect(response.status, `${name}: ${response.text}`).to.equal(200);
      expect(rig.fake(name).last.headers[header]).to.equal(value('key-old'));
      expect(JSON.stringify(response.rawHeaders)).not.to.include('key-old');
    }
  });

  it('takes a new key under load: no request fails, and nothing but the secret is sent to Envoy', async () => {
    const before = { updates: await updates(), pid: rig.gateway.envoy.pid };
    const running = rig.load('openai', { concurrency: 64, total: 3000 });
    await until(() => rig.fake('openai').requests.length > 300, { what: 'the load' });
    await withKey('key-new');
    expectAllServed(await running, 3000);
    const seen = rig.fake('openai').requests.map(({ headers }) => headers.authorization);
    expect([...new Set(seen)]).to.eql(['Bearer key-old', 'Bearer key-new']);
    expect(seen.lastIndexOf('Bearer key-old')).to.be.lessThan(seen.length - 500);
    expect(rig.fake('b').requests).to.eql([]);
    expect({ updates: await updates(), pid: rig.gateway.envoy.pid }).to.eql(before);
    expect((await rig.ask('azure')).headers['x-fake']).to.equal('azure');
    expect(rig.fake('azure').last.headers['api-key']).to.equal('key-new');
  });

  it('uses what the Secret says, right or wrong', async () => {
    await withKey('key-revoked');
    const tried = async (): Promise<string> => String((await rig.ask('openai')).headers['x-headgate-tried']);
    await until(async () => (await tried()) === 'default/openai=401,default/b=200', { what: 'the key to be used' });
    await withKey('key-old');
    await until(async () => (await rig.ask('openai')).headers['x-fake'] === 'openai', { what: 'the right key' });
    await rig.reset();
  });

  it('leaves a provider out when its Secret goes, and takes it back', async () => {
    await rig.apply((facts) => {
      const { key: _, ...openai } = facts.backends.openai ?? {};
      return { ...facts, backends: { ...facts.backends, openai: { ...openai, lacksSecret: true } } };
    });
    expect(rig.gateway.findings().join('\n')).to.match(/error\[HG0401\]: BackendSecurityPolicy\/default\/openai/);
    await until(async () => (await rig.ask('openai')).headers['x-headgate-backend'] === 'default/b', {
      what: 'the provider to be left out',
    });
    expectAllServed(await rig.load('openai', { concurrency: 64, total: 500 }), 500);
    await withKey('key-old');
    await until(async () => (await rig.ask('openai')).headers['x-headgate-backend'] === 'default/openai', {
      what: 'the provider to be back',
    });
  });

  it('shows keys nowhere', async () => {
    await rig.ask('openai');
    await sleep(50);
    const { envoy, controlPlane } = rig.gateway;
    const view = controlPlane.view('default/gw');
    const shown = [
      JSON.stringify(await envoy.configDump()),
      JSON.stringify(controlPlane.status()),
      JSON.stringify(rig.gateway.findings()),
      JSON.stringify(controlPlane.served?.ir),
      JSON.stringify(view?.findings),
      JSON.stringify(configDump(view?.resources ?? [])),
      ...envoy.log,
      ...envoy.stdout,
    ];
    // Where they are, this test would find them.
    expect(JSON.stringify(configDump(view?.resources ?? [], { showSecrets: true }))).to.match(/key-old"/);
    for (const text of shown) expect(text).not.to.match(/key-(old|new)"|sk-b|(?<!cf-access-)client-secret/);
  });
});
