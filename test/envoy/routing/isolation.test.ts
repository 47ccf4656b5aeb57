import { expect } from 'chai';
import { type Fake, OPENAI_KEY, startOpenAi } from '../../fakes/index.ts';
import { startGateway } from '../../support/gateway.ts';
import { freePort, request, until } from '../../support/index.ts';
import {
  aiRoute,
  aiRule,
  exactly,
  type Fields,
  gatewayObject,
  httpRoute,
  like,
  modelIs,
  policyYaml,
  serviceObject,
  toService,
} from './policy.ts';
import { startService } from './service.ts';

/** Each breaks something of its own; its traffic is 500 (or what the list says), and all other traffic is served. */
const BROKEN: Readonly<Record<string, { readonly objects: readonly Fields[]; readonly status: number }>> = {
  'a field of the wrong type': {
    objects: [
      aiRoute('bad', [aiRule([modelIs('bad')], 'openai', { backendRefs: [{ name: 'openai', weight: 'heavy' }] })]),
    ],
    status: 500,
  },
  'a missing field': {
    objects: [aiRoute('bad', [aiRule([modelIs('bad')], 'openai', { backendRefs: [{}] })])],
    status: 500,
  },
  'an unknown match type': {
    objects: [aiRoute('bad', [aiRule([{ type: 'Fuzzy', name: 'x-ai-eg-model', value: 'bad' }], 'openai')])],
    status: 404,
  },
  'a regular expression that is none': {
    objects: [aiRoute('bad', [aiRule([like('x-ai-eg-model', 'ba(d')], 'openai')])],
    status: 404,
  },
  'an expression that RE2 refuses': {
    objects: [aiRoute('bad', [aiRule([like('x-ai-eg-model', '(?=bad)bad')], 'openai')])],
    status: 404,
  },
  'a backend that does not exist': { objects: [aiRoute('bad', [aiRule([modelIs('bad')], 'nowhere')])], status: 500 },
  'an expression that is huge': {
    objects: [aiRoute('bad', [aiRule([modelIs('bad'), like('x-team', '((a{1,100}){1,100}){1,100}')], 'openai')])],
    status: 404,
  },
  'a header that cannot be set': {
    objects: [
      httpRoute('bad', [
        {
          matches: [{ path: { type: 'PathPrefix', value: '/bad' } }],
          filters: [
            { type: 'RequestHeaderModifier', requestHeaderModifier: { set: [{ name: 'bad name', value: 'x' }] } },
          ],
          backendRefs: [toService('service')],
        },
      ]),
    ],
    status: 404,
  },
  'query parameters beside it': {
    objects: [
      httpRoute('bad', [
        {
          matches: [{ path: { type: 'Exact', value: '/q' }, queryParams: [like('q', '(')] }],
          backendRefs: [toService('service')],
        },
        {
          matches: [{ path: { type: 'Exact', value: '/q' }, queryParams: [exactly('q', '1')] }],
          backendRefs: [toService('service')],
        },
      ]),
    ],
    status: 404,
  },
};

describe('isolation of what is broken', function () {
  this.timeout(60_000);
  let port: number;
  let openai: Fake;
  let service: Fake;

  before(async () => {
    port = await freePort();
    openai = await startOpenAi();
    service = await startService('service');
  });

  after(async () => {
    await openai.close();
    await service.close();
  });

  const yaml = (...broken: readonly Fields[]): string =>
    policyYaml(
      { openai: { port: openai.port, key: OPENAI_KEY } },
      gatewayObject({ name: 'http', protocol: 'HTTP', port }),
      serviceObject('service', service.port),
      aiRoute('good', [aiRule([modelIs('good')], 'openai')]),
      httpRoute('good', [
        { matches: [{ path: { type: 'PathPrefix', value: '/app' } }], backendRefs: [toService('service')] },
      ]),
      ...broken,
    );
  const ask = async (model: string): Promise<string> => {
    const body = { model, messages: [{ role: 'user', content: 'hi' }] };
    const response = await request({ port, path: '/v1/chat/completions', body });
    return response.headers['x-fake'] ?? String(response.status);
  };

  it('serves all else, from the start and after a change', async () => {
    const gateway = await startGateway({ yaml: yaml() });
    try {
      for (const [what, { objects, status }] of Object.entries(BROKEN)) {
        // A new model tells when Envoy has the change.
        const mark = `mark-${what.replaceAll(' ', '-')}`;
        const result = await gateway.apply(yaml(...objects, aiRoute('mark', [aiRule([modelIs(mark)], 'openai')])));
        expect(result.ok, what).to.equal(true);
        await until(async () => (await ask(mark)) === 'openai', {
          what: `Envoy to take: ${what}; ${gateway.findings().join('; ')}`,
        });
        expect(await ask('good'), what).to.equal('openai');
        expect((await request({ port, path: '/app/x' })).headers['x-fake'], what).to.equal('service');
        expect(await ask('bad'), what).to.equal(String(status));
        const findings = [...(result.ok ? [] : result.findings.map(String)), ...gateway.findings()];
        expect(findings.join('\n'), what).to.contain('bad');
      }
      const all = Object.values(BROKEN).flatMap(({ objects }, i) =>
        objects.map((object) => ({ ...object, metadata: { name: `bad-${i}`, namespace: 'default' } })),
      );
      const first = await startGateway({ yaml: yaml(...all).replaceAll(`"port":${port}`, `"port":${port + 1}`) });
      try {
        const body = { model: 'good', messages: [{ role: 'user', content: 'hi' }] };
        const response = await request({ port: port + 1, path: '/v1/chat/completions', body });
        expect(response.status, response.text).to.equal(200);
      } finally {
        await first.stop();
      }
    } finally {
      await gateway.stop();
    }
  });
});
