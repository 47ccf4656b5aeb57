import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect } from 'chai';
import { startGateway } from '../../support/gateway.ts';
import { freePort, request } from '../../support/index.ts';
import { gatewayYaml } from '../support/objects.ts';

const GATEWAY_API = 'gateway.networking.k8s.io';

describe('an Envoy that cannot serve AI routes', () => {
  let plain: Server;
  before(async () => {
    plain = createServer((_request, response) => response.end('plain'));
    await new Promise<void>((resolve) => plain.listen(0, '127.0.0.1', resolve));
  });
  after(() => plain.close());

  for (const envoyVersion of ['1.36.4', '1.39.3']) {
    it(`${envoyVersion} serves all else, answers 501 for them, and says so`, async () => {
      const port = await freePort();
      const { port: plainPort } = plain.address() as AddressInfo;
      const yaml = gatewayYaml({
        port,
        backends: { a: { port: plainPort, key: 'sk-a' }, site: { port: plainPort } },
        models: { m: { refs: ['a'] } },
        extra: [
          {
            apiVersion: `${GATEWAY_API}/v1`,
            kind: 'HTTPRoute',
            metadata: { name: 'site', namespace: 'default' },
            spec: {
              parentRefs: [{ name: 'gw' }],
              rules: [
                {
                  matches: [{ path: { type: 'PathPrefix', value: '/site' } }],
                  backendRefs: [{ group: 'gateway.envoyproxy.io', kind: 'Backend', name: 'site' }],
                },
              ],
            },
          },
        ],
      });
      const gateway = await startGateway({ yaml, envoyVersion });
      try {
        expect(await gateway.envoy.rejectedUpdates()).to.deep.equal({});
        const body = { model: 'm', messages: [{ role: 'user', content: 'hi' }] };
        const refused = await request({ port, path: '/v1/chat/completions', body });
        expect(refused.status, refused.text).to.equal(501);
        expect(refused.json)
          .to.have.nested.property('error.message')
          .that.matches(/^This proxy cannot serve/);
        expect((await request({ port, path: '/site/a' })).text).to.equal('plain');
        const models = await request({ port, path: '/v1/models' });
        expect(models.status).to.equal(200);
        const lacking = gateway.findings().filter((finding) => finding.includes('HG0601'));
        expect(lacking.join('\n')).to.contain(`[Envoy ${envoyVersion}]`);
      } finally {
        await gateway.stop();
      }
    });
  }
});
