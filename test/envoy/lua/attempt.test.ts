import { expect } from 'chai';
import { type Fake, OPENAI_KEY, startOpenAi } from '../../fakes/index.ts';
import { type ClientResponse, multipartForm, request, until } from '../../support/index.ts';
import { startGateway, type TestGateway } from './gateway.ts';

const CHAT = '/v1/chat/completions';
const TAIL = '"messages":[{"role":"user","content":"h\\u0069 \\"x\\""}] , "seed":9007199254740993,"temperature":1.0e0';

describe('script: what an attempt sends', () => {
  let fake: Fake;
  let gateway: TestGateway;
  const send = (body: string | Buffer, path = CHAT, headers: Record<string, string> = {}): Promise<ClientResponse> =>
    request({ port: gateway.port, method: 'POST', path, body, headers });
  const sent = async (body: string, path = CHAT, headers: Record<string, string> = {}): Promise<string> => {
    const { status, text } = await send(body, path, headers);
    expect(status, `${body}: ${text}`).to.equal(200);
    expect(Number(fake.last.headers['content-length'])).to.equal(fake.last.body.length);
    return fake.last.body.toString();
  };

  before(async () => {
    fake = await startOpenAi({ name: 'a' });
    const credential = { header: 'authorization', prefix: 'Bearer ', secret: OPENAI_KEY };
    const chatPath = '/v1/chat/completions?deployment={model}';
    gateway = await startGateway({
      backends: [
        { cluster: 'a', port: fake.port, credential },
        { cluster: 'templated', port: fake.port, credential, facts: { paths: { chat: chatPath } } },
        { cluster: 'pathless', port: fake.port, credential, facts: { paths: {} } },
      ],
      routes: [
        { model: 'plain' },
        { model: 'alias', refs: { a: { model: 'real-"model"-\\-ü' } } },
        { model: 'usage', facts: { force_usage: true } },
        { model: 'usage-alias', facts: { force_usage: true }, refs: { a: { model: 'real' } } },
        {
          model: 'mutated',
          facts: { force_usage: true },
          refs: {
            a: {
              model: 'real',
              body: {
                set: { temperature: '0.25', metadata: '{"big": 12345678901234567890}', user: '"a\\u0062c"' },
                removed: { seed: true, top_p: true },
              },
            },
          },
        },
        { model: 'set-model', refs: { a: { model: 'real', body: { set: { model: '"set"' } } } } },
        {
          model: 'drop-options',
          facts: { force_usage: true },
          refs: { a: { body: { removed: { stream_options: true } } } },
        },
        {
          model: 'headers',
          refs: { a: { headers: { set: { 'x-team': 'blue', 'x-new': '1' }, removed: ['x-secret', 'user-agent'] } } },
        },
        { model: 'a/b c', cluster: 'templated' },
        { model: 'pathless', cluster: 'pathless' },
        { model: 'no-ref', facts: { refs: {} } },
      ],
    });
  });
  beforeEach(() => fake.reset());
  after(async () => {
    await gateway?.envoy.stop();
    await fake?.close();
  });

  it('leaves a body alone that needs no change', async () => {
    const body = ` { "model" : "plain",\t${TAIL} } `;
    expect(await sent(body)).to.equal(body);
    expect(fake.last.headers.host).to.equal('a.example');
  });

  it('overrides the model and keeps every other byte', async () => {
    const override = JSON.stringify('real-"model"-\\-ü');
    for (const wrap of ['{%,T}', '{T,%}', ' {\n"stream":false , %\t,T}\n']) {
      const body = (model: string): string => wrap.replace('%', () => `"model" :  ${model}`).replace('T', () => TAIL);
      expect(await sent(body('"alias"'))).to.equal(body(override));
      expect(await sent(body('"\\u0061lias"'))).to.equal(body(override));
    }
  });

  it('overrides the model of a form', async () => {
    const file = Buffer.from([0, 255, 13, 10, 45, 45, 34, 128]);
    const { body, headers } = multipartForm([
      { name: 'file', filename: 'a.mp3', data: file },
      { name: 'model', value: 'usage-alias' },
      { name: 'stream', value: 'true' },
    ]);
    const { status, text } = await send(body, '/v1/audio/transcriptions', headers);
    expect(status, text).to.equal(200);
    expect(
      fake.last.body.equals(Buffer.from(body.toString('latin1').replace('usage-alias', 'real'), 'latin1')),
    ).to.equal(true);
    expect(Number(fake.last.headers['content-length'])).to.equal(fake.last.body.length);
  });

  it('asks a stream for its usage, beside or in place of what the client asked', async () => {
    const cases: readonly (readonly [string, string])[] = [
      ['{%,"stream":true,T}', '{%,"stream":true,T,"stream_options":{"include_usage":true}}'],
      ['{%,"stream":true,T }', '{%,"stream":true,T ,"stream_options":{"include_usage":true}}'],
      ['{"stream_options":null,%,"stream":true,T}', '{"stream_options":{"include_usage":true},%,"stream":true,T}'],
      ['{"stream_options" : {},T,"stream":true,%}', '{"stream_options" : {"include_usage":true},T,"stream":true,%}'],
      [
        '{%,T,"stream_options":{ "include_obfuscation" : false , "include_usage":false},"stream":true}',
        '{%,T,"stream_options":{"include_usage":true,"include_obfuscation" : false},"stream":true}',
      ],
      [
        '{"stream_options":{"include_usage":true},%,"stream":true,T}',
        '{"stream_options":{"include_usage":true},%,"stream":true,T}',
      ],
      ['{"stream":false,T,%}', '{"stream":false,T,%}'],
      ['{T,%}', '{T,%}'],
      ['{"user":"stream\\":true",T,%}', '{"user":"stream\\":true",T,%}'],
    ];
    for (const [before, after] of cases) {
      const fill = (text: string, model: string): string =>
        text.replace('%', `"model":"${model}"`).replace('T', () => TAIL);
      expect(await sent(fill(before, 'usage'))).to.equal(fill(after, 'usage'));
      expect(await sent(fill(before, 'usage-alias'))).to.equal(fill(after, 'real'));
      expect(await sent(fill(before, 'plain'))).to.equal(fill(before, 'plain'));
    }
    const legacy = '{"model":"usage","prompt":"hi","stream":true}';
    expect(await sent(legacy, '/v1/completions')).to.equal(legacy);
  });

  it('sets and removes fields of the top level', async () => {
    const body = `{"temperature": 1,"seed":1,"x":{"seed":1, "user":"u"},"model":"mutated","messages":[],"stream":true,"top_p":0.5}`;
    fake.settings.refuseUnknownFields = false;
    const { status } = await send(body);
    expect(status).to.equal(400); // no message: the fake is strict, and has recorded what it got
    const got = fake.last.body.toString();
    expect(fake.last.json).to.eql({
      ...{ temperature: 0.25, x: { seed: 1, user: 'u' }, model: 'real', messages: [], stream: true },
      ...{ stream_options: { include_usage: true }, metadata: { big: Number('12345678901234567890') }, user: 'abc' },
    });
    expect(got).to.match(/^\{"temperature": 0\.25,"x":\{"seed":1, "user":"u"\},"model":"real",/);
    expect(got).to.include('"metadata":{"big": 12345678901234567890}').and.to.include('"user":"a\\u0062c"');
    expect(Number(fake.last.headers['content-length'])).to.equal(got.length);
    expect(fake.last.duplicateKeys).to.eql([]);
  });

  it('lets a body mutation of the model win over the override', async () => {
    expect(await sent(`{"model":"set-model",${TAIL}}`)).to.equal(`{"model":"set",${TAIL}}`);
  });

  it('forces usage after the mutations', async () => {
    const body = `{"model":"drop-options","stream":true,${TAIL}%}`;
    const options = ',"stream_options":{"include_usage":true}';
    expect(await sent(body.replace('%', ''))).to.equal(body.replace('%', options));
    expect(JSON.parse(await sent(body.replace('%', ',"stream_options":{"include_usage":false}')))).to.deep.include({
      stream_options: { include_usage: true },
    });
  });

  it('sets and removes headers', async () => {
    await sent(`{"model":"headers",${TAIL}}`, CHAT, { 'x-secret': 's', 'x-team': 'red', 'x-keep': 'k' });
    expect(fake.last.headers).to.include({ 'x-team': 'blue', 'x-new': '1', 'x-keep': 'k' });
    expect(fake.last.headers).not.to.have.any.keys('x-secret', 'user-agent');
  });

  it('writes the model into the path, encoded, and joins the queries', async () => {
    await sent(`{"model":"a/b c",${TAIL}}`);
    expect(fake.last.path).to.equal('/v1/chat/completions?deployment=a%2Fb%20c');
    await sent(`{"model":"a/b c",${TAIL}}`, `${CHAT}?x=1&y=%25`);
    expect(fake.last.path).to.equal('/v1/chat/completions?deployment=a%2Fb%20c&x=1&y=%25');
  });

  it('strips the credentials and codings of the client', async () => {
    const foreign = {
      ...{
        authorization: 'Bearer client',
        cookie: 'session=1',
        'x-api-key': 'k',
        'api-key': 'k',
        'x-goog-api-key': 'k',
      },
      ...{ 'x-amz-date': 'd', 'x-amz-security-token': 't', 'x-aigw-api-key': 'k', 'proxy-authorization': 'p' },
    };
    fake.settings.compress = 'gzip';
    const { status, headers } = await send(`{"model":"plain",${TAIL}}`, CHAT, {
      ...foreign,
      'accept-encoding': 'gzip',
    });
    expect(status).to.equal(200);
    expect(headers['content-encoding']).to.equal(undefined);
    expect(fake.foreignCredentials).to.eql([]);
    expect(fake.last.headers.authorization).to.equal(`Bearer ${OPENAI_KEY}`);
  });

  it('fails closed when it cannot even read its facts', async () => {
    const broken = await startGateway({
      backends: [{ cluster: 'a', port: fake.port }],
      routes: [{ model: 'plain' }],
      append: `
        local read = facts_of
        facts_of = function(map)
          local facts = read(map)
          if facts and facts.cluster then error('unreadable') end
          return facts
        end`,
    });
    try {
      const body = `{"model":"plain",${TAIL}}`;
      const { status } = await request({ port: broken.port, method: 'POST', path: CHAT, body });
      expect(status).to.equal(500);
      expect(fake.requests).to.have.length(0);
    } finally {
      await broken.envoy.stop();
    }
  });

  it('fails closed where there is no way to the backend, and when the script fails', async () => {
    const outcomes = { pathless: [501, 'not_implemented'], 'no-ref': [500, 'gateway_error'] } as const;
    for (const [model, [status, code]] of Object.entries(outcomes)) {
      const response = await send(`{"model":"${model}",${TAIL}}`);
      expect(response.status, model).to.equal(status);
      expect(response.json).to.have.nested.property('error.code', code);
    }
    expect(fake.requests).to.have.length(0);
    const isLogged = (): boolean => gateway.envoy.log.some((line) => line.includes('headgate:'));
    await until(isLogged, { what: 'the failure to be in the log' });
  });
});
