import { expect } from 'chai';
import { type Fake, OPENAI_KEY, startOpenAi } from '../../fakes/index.ts';
import { type ClientResponse, multipartForm, request } from '../../support/index.ts';
import { startGateway, type TestGateway } from './gateway.ts';

const CHAT = '/v1/chat/completions';
const MESSAGES = '"messages":[{"role":"user","content":"hi"}]';

describe('script: what a request asks', () => {
  let fake: Fake;
  let gateway: TestGateway;
  const send = (body: string | Buffer, path = CHAT, headers: Record<string, string> = {}): Promise<ClientResponse> =>
    request({ port: gateway.port, method: 'POST', path, body, headers });

  before(async () => {
    fake = await startOpenAi({ name: 'a' });
    const credential = { header: 'authorization', prefix: 'Bearer ', secret: OPENAI_KEY };
    gateway = await startGateway({
      backends: [{ cluster: 'a', port: fake.port, credential }],
      routes: [{ model: 'm' }, { model: 'other' }, { model: 'mödel "x" 😀' }, { model: 'a/b:c' }],
      bodyLimit: 4_000_000,
    });
  });
  beforeEach(() => fake.reset());
  after(async () => {
    await gateway?.envoy.stop();
    await fake?.close();
  });

  it('routes by the top-level model and nothing else that looks like one', async () => {
    const decoys = [
      `{"messages":[{"role":"user","content":"\\"model\\":\\"other\\""}],"model":"m"}`,
      `{"messages":[{"role":"user","content":"hi","model":"other"}],"model":"m"}`,
      `{"tools":[{"type":"function","function":{"name":"f","parameters":{"model":"other"}}}],${MESSAGES},"model":"m"}`,
      `{"metadata":{"model":"other"},"model" :\n"m",${MESSAGES}}`,
      ` \t\r\n{"model":"m","metadata":{"x":"}{][\\\\\\""},${MESSAGES}} \n`,
      `{"user":"model","model":"m",${MESSAGES}}`,
    ];
    for (const body of decoys) {
      const { status, text } = await send(body);
      expect(status, `${body}: ${text}`).to.equal(200);
      expect((fake.last.json as { model: string }).model).to.equal('m');
      expect(fake.last.body.toString(), 'the body is passed on to the letter').to.equal(body);
    }
  });

  it('reads escapes and unicode in the model', async () => {
    for (const model of ['\\u006d', 'm\\u00f6del \\"x\\" \\ud83d\\ude00', 'mödel \\u0022x\\" 😀', 'a\\/b\\u003Ac']) {
      const { status, text } = await send(`{"model":"${model}",${MESSAGES}}`);
      expect(status, `${model}: ${text}`).to.equal(200);
    }
    expect((await send(`{"mod\\u0065l":"m",${MESSAGES}}`)).status, 'an escaped key').to.equal(200);
  });

  it('refuses duplicate keys of the top level, also in another spelling, and no others', async () => {
    const twice = [
      `{"model":"m","model":"other",${MESSAGES}}`,
      `{"model":"m",${MESSAGES},"mod\\u0065l":"m"}`,
      `{"m\\u006fdel":"m",${MESSAGES},"\\u006dodel":"m"}`,
      `{"model":"m","temperature":1,${MESSAGES},"temperature":1}`,
      `{"model":"m","a\\/b":1,"a/b":2,${MESSAGES}}`,
      `{"model":"m","😀":1,"\\uD83D\\uDE00":2,${MESSAGES}}`,
    ];
    for (const body of twice) {
      const response = await send(body);
      expect(response.status, body).to.equal(400);
      expect(response.json).to.have.nested.property('error.message').that.matches(/twice/);
    }
    const fine = ['"a\\\\ud83d\\ude00":1,"a\\ud83d\\ude00":2', '"x":{"a":1,"a":2}', '"a":1,"A":2,"a ":3'];
    for (const members of fine) expect((await send(`{"model":"nobody",${members}}`)).status, members).to.equal(404);
    expect(fake.requests).to.have.length(0);
  });

  it('refuses what is no JSON object, in the shape of the API', async () => {
    const bad = [
      ...[
        '',
        ' ',
        '{',
        '}',
        '[]',
        'null',
        '"model"',
        '{"model":"m"',
        '{"model":"m"}}',
        '{"model":"m"} x',
        '{"model":"m"}{}',
      ],
      ...[
        "{'model':'m'}",
        '{"model":"m",}',
        '{"model" "m"}',
        '{"model":m}',
        '{"model":"m" "a":1}',
        '{model:"m"}',
        '{"model":"m",,}',
      ],
      ...[
        '{"model":"m","a":[1,]}',
        '{"model":"m","a":[1 2]}',
        '{"model":"m","a":{"b"}}',
        '{"model":"m","a":[}]}',
        '{,"model":"m"}',
      ],
      ...[
        '{"model":"m","a":01}',
        '{"model":"m","a":+1}',
        '{"model":"m","a":.5}',
        '{"model":"m","a":1.}',
        '{"model":"m","a":1e}',
      ],
      ...[
        '{"model":"m","a":-}',
        '{"model":"m","a":NaN}',
        '{"model":"m","a":tru}',
        '{"model":"m","a":truex}',
        '{"model":"m","a":nul}',
      ],
      ...[
        '{"model":"m","a":"\\x"}',
        '{"model":"m","a":"\\u12g4"}',
        '{"model":"m","a":"\\u123"}',
        '{"model":"m","a":"\n"}',
      ],
      ...[
        '{"model":"m","a":"\u0000"}',
        '{"model":"m","a":"b}',
        '{"model":"m\\"}',
        '\ufeff{"model":"m"}',
        '{"model":"m"}\u0000',
      ],
      ...[
        '{"model":"m","a":1/**/}',
        '{"model":"m","a":0x1}',
        '{"model":"m","a":"x"y}',
        '{"a":[{"b":1]}',
        '{"model":"m"\u00a0}',
      ],
    ];
    for (const body of bad) {
      const openai = await send(body);
      expect(openai.status, JSON.stringify(body)).to.equal(400);
      expect(openai.headers['content-type']).to.equal('application/json');
      expect(openai.json).to.have.nested.property('error.type', 'invalid_request_error');
      const anthropic = await send(body, '/anthropic/v1/messages');
      expect(anthropic.status).to.equal(400);
      expect(anthropic.json).to.include({ type: 'error' });
      expect(anthropic.json).to.have.nested.property('error.type', 'invalid_request_error');
    }
    expect(fake.requests).to.have.length(0);
  });

  it('refuses a model that is missing, no string, or not fit for a header', async () => {
    const models = [
      '1',
      'null',
      '{"a":"b"}',
      '["m"]',
      'true',
      '""',
      '"a\\nb"',
      '"a\\u0000b"',
      '"\\u007f"',
      `"${'x'.repeat(513)}"`,
    ];
    for (const model of models) {
      const response = await send(`{"model":${model},${MESSAGES}}`);
      expect(response.status, model).to.equal(400);
      expect(response.json).to.have.nested.property('error.code').that.is.a('string');
    }
    expect((await send(`{${MESSAGES}}`)).status).to.equal(400);
    expect(fake.requests).to.have.length(0);
  });

  it('says 404 for an unknown model, quoting it safely', async () => {
    const openai = await send(`{"model":"no\\"such\\\\",${MESSAGES}}`);
    expect(openai.status).to.equal(404);
    expect(openai.json).to.have.nested.property('error.code', 'model_not_found');
    expect(openai.json).to.have.nested.property('error.message').that.includes('`no"such\\`');
    const anthropic = await send('{"model":"nobody"}', '/anthropic/v1/messages');
    expect(anthropic.json).to.have.nested.property('error.type', 'not_found_error');
  });

  it('ignores a model header of the client', async () => {
    const spoofed = await send(`{"model":"nobody",${MESSAGES}}`, CHAT, { 'x-ai-eg-model': 'm' });
    expect(spoofed.status).to.equal(404);
    expect((await send(`{"model":"m",${MESSAGES}}`, CHAT, { 'x-ai-eg-model': 'nobody' })).status).to.equal(200);
    expect(fake.last.headers).not.to.have.any.keys('x-ai-eg-model', 'x-headgate-api');
  });

  it('bounds depth and size', async () => {
    const nested = (depth: number): string => `{"model":"nobody","a":${'['.repeat(depth - 1)}${']'.repeat(depth - 1)}}`;
    expect((await send(nested(512))).status).to.equal(404);
    const deep = await send(nested(513));
    expect(deep.status).to.equal(400);
    expect(deep.text).to.include('deep');
    expect((await send(`{"a":${'[{"b":'.repeat(100_000)}`)).status).to.equal(400);
    const big = await send(`{"model":"m","messages":[{"role":"user","content":"${'x'.repeat(4_100_000)}"}]}`);
    expect(big.status).to.equal(413);
    expect(
      (await send(`{"model":"m","messages":[{"role":"user","content":"${'x'.repeat(3_900_000)}"}]}`)).status,
    ).to.equal(200);
    expect(fake.requests).to.have.length(1);
  });

  it('refuses a compressed body', async () => {
    const { status } = await send('{}', CHAT, { 'content-encoding': 'gzip' });
    expect(status).to.equal(415);
    expect((await send(`{"model":"m",${MESSAGES}}`, CHAT, { 'content-encoding': 'identity' })).status).to.equal(200);
  });

  it('reads a body that comes in pieces and without a length', async () => {
    const chunked = { 'transfer-encoding': 'chunked' };
    expect((await send(`{"model":"m",${MESSAGES}}`, CHAT, chunked)).status).to.equal(200);
  });

  it('keeps the query of the client', async () => {
    expect((await send(`{"model":"m",${MESSAGES}}`, `${CHAT}?a=1&model=x%20y`)).status).to.equal(200);
    expect(fake.last.path).to.equal(`${CHAT}?a=1&model=x%20y`);
  });

  describe('in a form', () => {
    const AUDIO = '/v1/audio/transcriptions';
    const file = (size: number): Buffer => Buffer.alloc(size, 'ID3 \r\n--form-boundary\r\n"model"');
    const audio = (size = 100) => ({ name: 'file', filename: 'a.mp3', data: file(size) });
    const form = (fields: Parameters<typeof multipartForm>[0], boundary?: string): Promise<ClientResponse> => {
      const { body, headers } = multipartForm(fields, boundary);
      return send(body, AUDIO, headers);
    };

    it('finds the model before and behind a file', async () => {
      expect((await form([{ name: 'model', value: 'm' }, audio()])).status).to.equal(200);
      expect((await form([audio(3_000_000), { name: 'model', value: 'm' }])).status).to.equal(200);
      expect(fake.last.form?.map(({ name }) => name)).to.eql(['file', 'model']);
      expect(fake.last.form?.[0]?.data.length).to.equal(3_000_000);
    });

    it('reads boundaries and names quoted, unquoted and in any case', async () => {
      const { body } = multipartForm([{ name: 'model', value: 'm' }, audio()], 'b-1');
      const types = ['multipart/form-data; boundary="b-1"', 'multipart/form-data;charset=utf-8;Boundary=b-1 ; x=y'];
      for (const contentType of types) {
        expect((await send(body, AUDIO, { 'content-type': contentType })).status, contentType).to.equal(200);
      }
      const unquoted = '--b\r\nCONTENT-DISPOSITION: form-data;name=model\r\n\r\nnobody\r\n--b--\r\n';
      expect((await send(unquoted, AUDIO, { 'content-type': 'multipart/form-data; boundary=b' })).status).to.equal(404);
      expect((await send(unquoted, AUDIO, { 'content-type': 'Multipart/Form-Data; boundary=b' })).status).to.equal(404);
      const preamble = `preamble\r\n${unquoted}epilogue`;
      expect((await send(preamble, AUDIO, { 'content-type': 'multipart/form-data; boundary=b' })).status).to.equal(404);
    });

    it('takes no part for the model that is none', async () => {
      const part = (disposition: string, value: string): string =>
        `--b\r\nContent-Disposition: form-data; ${disposition}\r\n\r\n${value}\r\n`;
      const decoys = [
        part('name="file"; filename="; name="', 'x') + part('name="model"', 'nobody'),
        part('filename="a; name=\\"model\\""; name="file"', 'm') + part('name="model"', 'nobody'),
        part('name="xmodel"', 'm') + part('name="model"', 'nobody'),
        part('name="file"', 'a\r\n--bc\r\nContent-Disposition: form-data; name="model"\r\n\r\nm') +
          part('name="model"', 'nobody'),
      ];
      for (const decoy of decoys) {
        const response = await send(`${decoy}--b--\r\n`, AUDIO, { 'content-type': 'multipart/form-data; boundary=b' });
        expect(response.status, `${decoy}: ${response.text}`).to.equal(404);
      }
    });

    it('refuses forms that can be read in two ways', async () => {
      const fields = { name: 'model', value: 'm' };
      expect((await form([fields, fields])).status).to.equal(400);
      expect((await form([audio()])).status, 'no model').to.equal(400);
      const type = { 'content-type': 'multipart/form-data; boundary=b' };
      const head = 'Content-Disposition: form-data; name="model"';
      const bad = [
        `--b\r\n${head}\r\n\r\nm`,
        `--b\n${head}\n\nm\n--b--\n`,
        `--b\r\n${head}\r\n\r\nm\r\n--b\r\n`,
        `--b\r\nContent-Disposition: form-data; name="file"\r\n\r\n\n--b\n${head}\n\nx\r\n--b\r\n${head}\r\n\r\nm\r\n--b--\r\n`,
        `--b\r\n${head}\r\nContent-Disposition: form-data; name="file"\r\n\r\nm\r\n--b--\r\n`,
        '',
      ];
      for (const body of bad) expect((await send(body, AUDIO, type)).status, JSON.stringify(body)).to.equal(400);
      expect((await send('--b--\r\n', AUDIO, { 'content-type': 'multipart/form-data' })).status).to.equal(400);
      expect(fake.requests).to.have.length(0);
    });
  });

  it('leaves other requests alone', async () => {
    expect((await send('not json', '/elsewhere')).status).to.equal(404);
    expect((await request({ port: gateway.port, path: CHAT })).status).to.equal(404);
    expect((await request({ port: gateway.port, path: CHAT, method: 'HEAD' })).status).to.equal(404);
  });
});
