import { expect } from 'chai';
import { type Fake, OPENAI_KEY, startOpenAi } from '../../fakes/index.ts';
import { startGateway } from '../../support/gateway.ts';
import { freePort, request } from '../../support/index.ts';
import { aiRoute, aiRule, gatewayObject, modelIs, policyYaml } from './policy.ts';

const MODELS = 5000;
const RULES = 10;

describe('thousands of models', function () {
  this.timeout(60_000);
  let openai: Fake;
  before(async () => {
    openai = await startOpenAi();
  });
  after(() => openai.close());

  it('are compiled, taken by Envoy and served', async () => {
    const port = await freePort();
    const routes = Array.from({ length: MODELS / RULES }, (_, r) =>
      aiRoute(
        `route-${r}`,
        Array.from({ length: RULES }, (_unused, i) => aiRule([modelIs(`model-${r * RULES + i}`)], 'openai')),
      ),
    );
    const yaml = policyYaml(
      { openai: { port: openai.port, key: OPENAI_KEY } },
      gatewayObject({ name: 'http', protocol: 'HTTP', port }),
      ...routes,
    );
    const gateway = await startGateway({ yaml });
    try {
      const ask = async (model: string): Promise<number> => {
        const body = { model, messages: [{ role: 'user', content: 'hi' }] };
        return (await request({ port, path: '/v1/chat/completions', body })).status;
      };
      expect([await ask('model-0'), await ask('model-4999'), await ask('model-5000')]).to.deep.equal([200, 200, 404]);
      const list = (await request({ port, path: '/v1/models' })).json as { data: unknown[] };
      expect(list.data).to.have.length(MODELS);
    } finally {
      await gateway.stop();
    }
  });
});
