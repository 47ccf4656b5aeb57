import { expect } from 'chai';
import { until } from '../../support/index.ts';
import { expectAllServed, type Rig, startRig } from '../failover/rig.ts';
import { type Clouds, startClouds } from './clouds-rig.ts';

describe('credentials: tokens that come, go and change', function () {
  this.timeout(120_000);
  let clouds: Clouds;
  let rig: Rig;

  before(async () => {
    clouds = await startClouds();
    // No token can be had when the gateway starts.
    answering(false);
    const { 'gcp-account': gcp, 'aws-web': aws, 'key-openai': key } = clouds.backends;
    rig = await startRig(
      {},
      () => ({
        backends: { gcp, aws, key } as never,
        models: {
          gcp: { refs: ['gcp'] },
          aws: { refs: ['aws'] },
          'gcp-key': { refs: ['gcp', 'key'] },
          'key-aws': { refs: ['key', 'aws'] },
        },
        extra: clouds.secrets,
      }),
      {
        more: Object.fromEntries(
          Object.entries({ gcp: 'gcp-account', aws: 'aws-web', key: 'key-openai' }).map(([name, fake]) => [
            name,
            clouds.fakes[fake] as never,
          ]),
        ),
        env: clouds.env,
        concurrency: 2,
      },
    );
  });
  afterEach(() => rig.assertNoLeak());
  after(async () => {
    await rig?.stop();
    await clouds?.stop();
  });

  function answering(isUp: boolean): void {
    for (const { fake } of [clouds.services.sts, clouds.services.google]) {
      fake.fault = isUp ? undefined : () => ({ status: 503 });
    }
  }
  const lifetime = (lifetimeS: number): void => {
    for (const { issued } of [clouds.services.sts, clouds.services.google]) issued.settings.lifetimeS = lifetimeS;
  };
  const states = (): string[] => rig.gateway.controlPlane.status().tokens.map(({ state }) => state);
  const codes = (): string[] =>
    rig.gateway.controlPlane.status().findings.map(({ code, level, object }) => `${level} ${code} ${object}`);

  it('are not there yet: the backend is left out, a route without another one says so at once', async () => {
    expect(states()).to.eql(['missing', 'missing']);
    expect(codes()).to.include('error HG0405 BackendSecurityPolicy/default/gcp');
    for (const model of ['gcp', 'aws']) {
      const response = await rig.ask(model);
      expect(response.status).to.equal(503);
      expect(response.text).to.include('no credential');
    }
    for (const model of ['gcp-key', 'key-aws']) {
      expectAllServed(await rig.load(model, { concurrency: 64, total: 200 }), 200);
    }
    rig.fake('key').fault = () => ({ status: 500 });
    expect((await rig.ask('key-aws')).status).to.equal(500);
    rig.fake('key').fault = undefined;
    expect(rig.fake('gcp').requests).to.eql([]);
  });

  it('come late: the backend serves, nothing was restarted, no request failed', async () => {
    const { pid } = rig.gateway.envoy;
    lifetime(8);
    const running = rig.load('gcp-key', { concurrency: 64, total: 800 });
    answering(true);
    await until(async () => (await rig.ask('gcp')).status === 200, { what: 'the first token' });
    await until(async () => (await rig.ask('aws')).status === 200, { what: 'the first keys' });
    expectAllServed(await running, 800);
    expect(states()).to.eql(['valid', 'valid']);
    expect(codes()).to.eql([]);
    expect((await rig.ask('gcp-key')).headers['x-fake']).to.equal('gcp-account');
    expect(rig.gateway.envoy.pid).to.equal(pid);
  });

  it('change under load: each provider sees one after the other, and no request fails', async () => {
    const { sts, google } = clouds.services;
    const seen = (name: string, header: string): string[] => [
      ...new Set(rig.fake(name).requests.map(({ headers }) => headers[header] ?? '')),
    ];
    const before = { keys: sts.sessions.length, tokens: google.issued.tokens.length };
    await rig.reset();
    await until(
      async () => {
        for (const model of ['gcp', 'aws']) {
          expectAllServed(await rig.load(model, { concurrency: 64, total: 128 }), 128);
        }
        const isRenewed = sts.sessions.length > before.keys && google.issued.tokens.length > before.tokens;
        return isRenewed && seen('gcp', 'authorization').length > 1 && seen('aws', 'x-amz-security-token').length > 1;
      },
      { what: 'new tokens to be used', timeoutMs: 60_000 },
    );
    expect(await rig.gateway.envoy.rejectedUpdates()).to.eql({});
  });

  it('cannot be renewed: the old one is used while it lasts, then the backend is left out, then it is back', async () => {
    answering(false);
    await until(() => codes().includes('warning HG0405 BackendSecurityPolicy/default/gcp'), {
      what: 'the renewal to fail',
      timeoutMs: 20_000,
    });
    expect(states()[1]).to.equal('valid');
    expect((await rig.ask('gcp')).status).to.equal(200);
    await until(() => states().every((state) => state === 'missing'), { what: 'the end', timeoutMs: 20_000 });
    await until(async () => (await rig.ask('gcp')).status === 503, { what: 'the backend to be left out' });
    await until(async () => (await rig.ask('aws')).status === 503, { what: 'the backend to be left out' });
    expectAllServed(await rig.load('gcp-key', { concurrency: 64, total: 128 }), 128);
    lifetime(3600);
    answering(true);
    await until(async () => (await rig.ask('gcp')).status === 200, {
      what: 'the backend to be back',
      timeoutMs: 30_000,
    });
    await until(async () => (await rig.ask('aws')).status === 200, {
      what: 'the backend to be back',
      timeoutMs: 30_000,
    });
    expect(codes()).to.eql([]);
  });
});
