import { expect } from 'chai';
import { until } from '../../support/index.ts';
import { CHAT, expectAllServed, type Rig, startRig } from './rig.ts';

const COSTS = { llmRequestCosts: [{ metadataKey: 'total', type: 'TotalToken' }] };

describe('a backend without a script', () => {
  let rig: Rig;
  before(async () => {
    rig = await startRig({ a: {}, b: {} }, (at, fake) => ({
      backends: { a: at('a'), b: at('b'), bare: { port: fake('b').port } },
      models: { one: { refs: ['a'], route: COSTS }, moving: { refs: ['b'] }, bare: { refs: ['bare'] } },
    }));
  });
  beforeEach(() => rig.reset());
  after(() => rig?.stop());

  it('is told of as any other', async () => {
    const served = await rig.ask('one', { path: `${CHAT}?key=client-secret&x=%31` });
    expect(served.status, served.text).to.equal(200);
    expect(served.headers['x-headgate-backend']).to.equal('default/a');
    expect(served.headers).not.to.have.property('x-headgate-tried');
    expect(rig.fake('a').last.path).to.equal(`${CHAT}?x=%31`);
    expect(rig.fake('a').last.headers.authorization).to.equal('Bearer sk-a');
    expect(JSON.stringify(rig.fake('a').last.headers)).not.to.match(/x-headgate|x-ai-eg|accept-encoding/);
    const served200 = await until(() => rig.gateway.envoy.accessLog().find(({ model }) => model === 'one'), {
      what: 'the access log',
    });
    expect(served200).to.include({ cluster: 'AIServiceBackend/default/a/plain', tried: 'default/a=200', attempts: 1 });
    expect(served200.costs).to.include({ backend_name: 'default/a', ai_service_backend_name: 'default/a' });
    expect(served200.costs).to.have.property('total');
    rig.assertNoLeak();
  });

  it('has its stream counted', async () => {
    const seen = rig.gateway.envoy.accessLog().length;
    const { status } = await rig.ask('one', { body: { stream: true } });
    expect(status).to.equal(200);
    expect(rig.fake('a').last.json).to.deep.include({ model: 'one', stream_options: { include_usage: true } });
    const line = await until(() => rig.gateway.envoy.accessLog()[seen], { what: 'the access log' });
    expect(line.costs).to.include.keys('total', 'token_latency_ttft');
  });

  it('says when it refused and when it did not answer', async () => {
    rig.fake('a').settings.headers = { 'x-headgate-tried': 'forged', 'x-headgate-backend': 'forged' };
    rig.fake('a').fault = () => ({ status: 500 });
    const refused = await rig.ask('one');
    expect(refused.status).to.equal(500);
    expect(refused.headers['x-headgate-backend']).to.equal('default/a');
    expect(refused.headers).not.to.have.property('x-headgate-tried');
    rig.fake('a').fault = () => ({ reset: true });
    const lost = await rig.ask('one', { headers: { 'x-request-id': 'lost' } });
    expect(lost.status).to.equal(503);
    expect(lost.headers).not.to.have.property('x-headgate-backend');
    expect(lost.headers['x-headgate-tried']).to.equal('default/a=no-answer');
    for (const tried of ['default/a=500', 'default/a=no-answer']) {
      await until(() => rig.gateway.envoy.accessLog().some((line) => line.tried === tried), { what: tried });
    }
    rig.assertNoLeak();
  });

  it('gets no credential where none is configured', async () => {
    const { status } = await rig.ask('bare');
    expect(status).to.equal(401);
    expect(rig.fake('b').last.headers).not.to.have.property('authorization');
    rig.assertNoLeak();
  });

  it('gets a script and loses it again with nothing lost and nothing leaked', async () => {
    for (const refs of [['b', 'a'], ['b'], [{ name: 'b', modelNameOverride: 'other' }], ['b']]) {
      const load = rig.load('moving', { concurrency: 8, total: 400 });
      await rig.apply((facts) => ({ ...facts, models: { ...facts.models, moving: { refs } } }));
      expectAllServed(await load, 400);
      expect(await rig.gateway.envoy.rejectedUpdates()).to.eql({});
    }
    rig.assertNoLeak();
  });
});
