import { expect } from 'chai';
import { type Fake, OPENAI_KEY, startOpenAi } from '../../fakes/index.ts';
import { startGateway, type TestGateway } from '../../support/gateway.ts';
import { type ClientResponse, freePort, loadTest, type RequestOptions, request, until } from '../../support/index.ts';
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

const CHAT = '/v1/chat/completions';
const path = (type: string, value: string): Fields => ({ path: { type, value } });
const filter = (type: string, fields: Fields): Fields => ({
  type,
  [type.replace(/^URL|^[A-Z]/, (start) => start.toLowerCase())]: fields,
});

describe('plain services beside AI routes', function () {
  this.timeout(60_000);
  let port: number;
  let gateway: TestGateway;
  let openai: Fake;
  let a: Fake;
  let b: Fake;

  const send = (target: string, rest: Partial<RequestOptions> = {}): Promise<ClientResponse> =>
    request({ port, path: target, host: 'mixed.test', ...rest });
  const ask = async (target: string, rest: Partial<RequestOptions> = {}): Promise<string> => {
    const response = await send(target, rest);
    return response.headers['x-fake'] ?? String(response.status);
  };
  const chat = { body: { model: 'gpt', messages: [{ role: 'user', content: 'hi' }] } };

  before(async () => {
    port = await freePort();
    openai = await startOpenAi();
    a = await startService('a');
    b = await startService('b');
    const mixed = { hostnames: ['mixed.test'] };
    const rule = (match: Fields | undefined, service: string, rest: Fields = {}): Fields => ({
      ...(match && { matches: [match] }),
      backendRefs: [toService(service)],
      ...rest,
    });
    const filtered = (prefix: string, ...filters: readonly Fields[]): Fields =>
      rule(path('PathPrefix', prefix), 'a', { filters });
    gateway = await startGateway({
      yaml: policyYaml(
        { openai: { port: openai.port, key: OPENAI_KEY } },
        gatewayObject({ name: 'http', protocol: 'HTTP', port }),
        serviceObject('a', a.port),
        serviceObject('b', b.port),
        aiRoute('ai', [aiRule([modelIs('gpt')], 'openai')], mixed),
        httpRoute(
          'paths',
          [
            rule(path('PathPrefix', '/app'), 'a'),
            rule(path('Exact', '/app/exact'), 'b'),
            rule(path('RegularExpression', '/app/r[0-9]+'), 'b'),
            rule({ ...path('PathPrefix', '/app'), method: 'DELETE' }, 'b'),
            rule({ ...path('PathPrefix', '/app'), headers: [exactly('x-to', 'b')] }, 'b'),
            rule({ ...path('PathPrefix', '/app'), headers: [like('x-to', 'B+')] }, 'b'),
            rule({ ...path('PathPrefix', '/app'), queryParams: [exactly('to', 'b b')] }, 'b'),
          ],
          mixed,
        ),
        httpRoute(
          'filters',
          [
            filtered(
              '/headers',
              filter('RequestHeaderModifier', {
                set: [{ name: 'x-set', value: '100%' }],
                add: [{ name: 'x-add', value: 'more' }],
                remove: ['x-gone'],
              }),
              filter('ResponseHeaderModifier', { set: [{ name: 'x-answer', value: 'yes' }], remove: ['x-request-id'] }),
            ),
            filtered(
              '/rewrite',
              filter('URLRewrite', {
                hostname: 'inner.test',
                path: { type: 'ReplacePrefixMatch', replacePrefixMatch: '/' },
              }),
            ),
            filtered('/full', filter('URLRewrite', { path: { type: 'ReplaceFullPath', replaceFullPath: '/whole' } })),
            {
              matches: [path('PathPrefix', '/moved')],
              filters: [
                filter('RequestRedirect', {
                  scheme: 'https',
                  hostname: 'new.test',
                  port: 8443,
                  path: { type: 'ReplacePrefixMatch', replacePrefixMatch: '/here' },
                  statusCode: 301,
                }),
              ],
            },
            filtered('/mirrored', filter('RequestMirror', { backendRef: toService('b') })),
            {
              matches: [path('PathPrefix', '/split')],
              backendRefs: [toService('a', { weight: 3 }), toService('b', { weight: 1 })],
            },
            {
              matches: [path('PathPrefix', '/half')],
              backendRefs: [toService('a', { weight: 1 }), toService('missing', { weight: 1 })],
            },
            { matches: [path('PathPrefix', '/missing')], backendRefs: [toService('missing')] },
            { matches: [path('PathPrefix', '/none')], backendRefs: [toService('a', { weight: 0 })] },
          ],
          mixed,
        ),
        httpRoute('catch-all', [rule(undefined, 'a')], { hostnames: ['all.test'] }),
        aiRoute('ai-all', [aiRule([modelIs('gpt')], 'openai')], { hostnames: ['all.test'] }),
        aiRoute('ai-ranked', [aiRule([modelIs('gpt')], 'openai')], { hostnames: ['ranked.test'] }),
        httpRoute(
          'ranked',
          [
            rule(undefined, 'b'),
            rule(path('PathPrefix', '/v1/embeddings'), 'a'),
            rule({ headers: [modelIs('gpt'), exactly('x-team', 'red')] }, 'a'),
          ],
          { hostnames: ['ranked.test'] },
        ),
        httpRoute('plain', [rule(undefined, 'b')], { hostnames: ['plain.test'] }),
      ),
    });
  });

  beforeEach(() => Promise.all([openai.reset(), a.reset(), b.reset()]));

  after(async () => {
    await gateway?.stop();
    for (const fake of [openai, a, b]) await fake.close();
  });

  it('paths, methods, headers and query parameters choose among them', async () => {
    expect(await ask('/app')).to.equal('a');
    expect(await ask('/app/')).to.equal('a');
    expect(await ask('/app?x=/app/exact')).to.equal('a');
    expect(await ask('/application')).to.equal('404');
    expect(await ask('/app/exact')).to.equal('b');
    expect(await ask('/app/exact?x=1')).to.equal('b');
    expect(await ask('/app/exact/more')).to.equal('a');
    expect(await ask('/app/r12?x')).to.equal('b');
    expect(await ask('/app/r12/x')).to.equal('a');
    expect(await ask('/app/rx?/app/r1')).to.equal('a');
    expect(await ask('/app', { method: 'DELETE' })).to.equal('b');
    expect(await ask('/app', { headers: { 'x-to': 'b' } })).to.equal('b');
    expect(await ask('/app', { headers: { 'x-to': 'BBB' } })).to.equal('b');
    expect(await ask('/app', { headers: { 'x-to': 'BBBc' } })).to.equal('a');
    expect(await ask('/app?to=b+b')).to.equal('b');
    expect(await ask('/app?y=1&to=b%20b')).to.equal('b');
    expect(await ask('/app?to=c')).to.equal('a');
    expect(await ask('/app?not=to=b b'.replace(' ', '%20'))).to.equal('a');
  });

  it('AI routes of the same host are served', async () => {
    expect(await ask(CHAT, chat)).to.equal('openai');
    expect(await ask(CHAT, { ...chat, host: 'all.test' })).to.equal('openai');
    const models = await send('/v1/models', { host: 'all.test' });
    expect(models.json).to.have.property('object', 'list');
  });

  it('a service for all paths takes what no AI route takes', async () => {
    expect(await ask('/anything', { host: 'all.test' })).to.equal('a');
    expect(await ask(CHAT, { host: 'all.test', body: { model: 'other' } })).to.equal('a');
    expect(a.last.headers).not.to.have.any.keys('x-ai-eg-model', 'x-headgate-api', 'x-headgate-path');
    expect(a.last.body.toString()).to.equal('{"model":"other"}');
  });

  it('AI routes and plain ones have one order: longer paths, then more headers', async () => {
    const ranked = { ...chat, host: 'ranked.test' };
    expect(await ask(CHAT, ranked)).to.equal('openai');
    expect(await ask('/v1/embeddings', ranked)).to.equal('a');
    expect(await ask(CHAT, { ...ranked, headers: { 'x-team': 'red' } })).to.equal('a');
    expect(await ask(CHAT, { ...ranked, headers: { 'x-team': 'blue' } })).to.equal('openai');
    expect(await ask(CHAT, { ...ranked, body: { model: 'other' } })).to.equal('b');
    // Elsewhere the header of the model says nothing.
    const forged = { host: 'ranked.test', headers: { 'x-team': 'red', 'x-ai-eg-model': 'gpt' } };
    expect(await ask('/elsewhere', forged)).to.equal('b');
  });

  it('internal headers never reach a service, forged or not', async () => {
    const forged = { 'x-ai-eg-model': 'm', 'x-headgate-api': 'openai', 'x-headgate-path': '/', 'x-other': '1' };
    for (const [host, target] of [
      ['mixed.test', '/app'],
      ['mixed.test', '/mirrored'],
      ['plain.test', '/x'],
    ] as const) {
      await send(target, { host, headers: forged });
    }
    await until(() => a.requests.length + b.requests.length >= 4, { what: 'the mirrored request' });
    for (const { headers } of [...a.requests, ...b.requests]) {
      expect(headers).to.have.property('x-other', '1');
      expect(headers).not.to.have.any.keys('x-ai-eg-model', 'x-headgate-api', 'x-headgate-path');
    }
  });

  it('a service on an inference path of a host without AI routes gets any body untouched', async () => {
    const bodies = ['not json', '{"model":"a","model":"b"}', '', 'x'.repeat(3_000_000)];
    for (const body of bodies) {
      const response = await send(CHAT, {
        host: 'plain.test',
        method: 'POST',
        body,
        headers: { 'content-encoding': 'gzip' },
      });
      expect(response.status, response.text).to.equal(200);
      expect(b.last.body.toString()).to.equal(body);
    }
    expect(await ask('/v1/models', { host: 'plain.test' })).to.equal('b');
  });

  it('header filters', async () => {
    const response = await send('/headers', { headers: { 'x-gone': '1', 'x-add': 'some' } });
    expect(response.headers['x-answer']).to.equal('yes');
    expect(response.headers).not.to.have.property('x-request-id');
    expect(a.last.headers).to.include({ 'x-set': '100%', 'x-add': 'some, more' });
    expect(a.last.headers).not.to.have.property('x-gone');
  });

  it('rewrites', async () => {
    await send('/rewrite/deep/er?q=1');
    expect([a.last.path, a.last.headers.host]).to.deep.equal(['/deep/er?q=1', 'inner.test']);
    await send('/rewrite');
    expect(a.last.path).to.equal('/');
    await send('/full/of/it?q=1');
    expect(a.last.path).to.equal('/whole?q=1');
  });

  it('redirects', async () => {
    const response = await send('/moved/x?q=1');
    expect([response.status, response.headers.location]).to.deep.equal([301, 'https://new.test:8443/here/x?q=1']);
  });

  it('mirrors', async () => {
    expect(await ask('/mirrored/x', { body: { n: 1 } })).to.equal('a');
    await until(() => b.requests.length === 1, { what: 'the mirrored request' });
    expect([b.last.path, b.last.json]).to.deep.equal(['/mirrored/x', { n: 1 }]);
  });

  it('weights share the traffic; the share of a missing backend is 500', async () => {
    const load = (target: string) =>
      loadTest({ concurrency: 4, total: 400, makeRequest: () => ({ port, host: 'mixed.test', path: target }) });
    const { byBackend } = await load('/split');
    expect(byBackend.a).to.be.within(250, 350);
    expect(byBackend.b).to.be.within(50, 150);
    const { byStatus } = await load('/half');
    expect(byStatus['200']).to.be.within(140, 260);
    expect(byStatus['500']).to.be.within(140, 260);
    expect(await ask('/missing')).to.equal('500');
    expect(await ask('/none')).to.equal('500');
  });
});
