import { expect } from 'chai';
import { type Fake, OPENAI_KEY, startOpenAi, testCa } from '../../fakes/index.ts';
import { startGateway, type TestGateway } from '../../support/gateway.ts';
import { freePort, request } from '../../support/index.ts';
import { gatewayYaml } from '../support/objects.ts';

describe('sentinel', () => {
  let openai: Fake;
  let gateway: TestGateway;
  let port: number;

  before(async () => {
    openai = await startOpenAi();
    port = await freePort();
    const { cert: ca } = await testCa();
    const nowhere = [{ fqdn: { hostname: 'no-such-host.invalid', port: 443 } }];
    gateway = await startGateway({
      yaml: gatewayYaml({
        port,
        backends: {
          tls: { endpoints: nowhere, key: OPENAI_KEY, tls: { hostname: 'no-such-host.invalid', ca } },
          plain: { endpoints: [{ fqdn: { hostname: 'no-such-host.invalid', port: 80 } }], key: OPENAI_KEY },
          good: { port: openai.port, key: OPENAI_KEY },
        },
        models: {
          'past-tls': { refs: ['tls', 'good'] },
          'past-plain': { refs: ['plain', 'good'] },
          'past-both': { refs: ['tls', 'plain', 'good'] },
          none: { refs: ['tls', 'plain'] },
        },
      }),
    });
  });
  after(async () => {
    await gateway?.stop();
    await openai?.close();
  });

  const ask = (model: string): ReturnType<typeof request> =>
    request({ port, path: '/v1/chat/completions', body: { model, messages: [{ role: 'user', content: 'hi' }] } });

  for (const [model, tried] of [
    ['past-tls', 'default/tls=no-endpoint,default/good=200'],
    ['past-plain', 'default/plain=no-endpoint,default/good=200'],
    ['past-both', 'default/tls=no-endpoint,default/plain=no-endpoint,default/good=200'],
  ] as const) {
    it(`answers for backends without endpoints, so that the next one is tried: ${model}`, async () => {
      const { status, text, headers } = await ask(model);
      expect(status, text).to.equal(200);
      expect(headers['x-headgate-tried']).to.equal(tried);
    });
  }

  it('answers 503 in the end where no backend has an endpoint', async () => {
    const { status, headers } = await ask('none');
    expect(status).to.equal(503);
    expect(headers['x-headgate-tried']).to.equal('default/tls=no-endpoint,default/plain=no-endpoint');
  });

  it('makes Envoy reject nothing', async () => {
    expect(await gateway.envoy.rejectedUpdates()).to.deep.equal({});
  });
});
