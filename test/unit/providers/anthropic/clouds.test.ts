import { expect } from 'chai';
import type { EndpointName, ProviderSchema } from '../../../../src/ir/index.ts';
import type { Attempt, Translation } from '../../../../src/providers/translation.ts';
import { createTranslation } from '../../../../src/providers/translations.ts';
import { exceptionEvent, jsonEvent, unmodelledErrorEvent } from '../../../fakes/event-stream.ts';
import { eventsOf, type Json } from '../carry.ts';

const HELLO = { model: 'm', max_tokens: 10, messages: [{ role: 'user', content: 'hello' }] };

function translate(
  schema: ProviderSchema,
  body: Json,
  more: Partial<Attempt> = {},
): { translation: Translation; sent: Json; headers: unknown; unsupported: readonly string[] } {
  const endpoint: EndpointName = more.endpoint ?? 'messages';
  const provider = { schema, project: 'p', region: 'r' };
  const attempt: Attempt = { endpoint, provider, requestId: 'r1', nowSeconds: 0, unsupported: 'report', ...more };
  const translation = createTranslation(attempt);
  const { body: bytes, headers, unsupported } = translation.request(Buffer.from(JSON.stringify(body)));
  return { translation, sent: JSON.parse(Buffer.from(bytes).toString()) as Json, headers, unsupported };
}

function answer(
  schema: ProviderSchema,
  body: Json,
  pieces: readonly (Buffer | string)[],
): { status: number; text: string } {
  const response = translate(schema, body).translation.response(200, new Map());
  const out = pieces.map((piece) => response.push(Buffer.from(piece)));
  out.push(response.end());
  return { status: response.status(), text: Buffer.concat(out).toString() };
}

const CLOUDS = [
  ['AWSAnthropic', 'bedrock-2023-05-31'],
  ['GCPAnthropic', 'vertex-2023-10-16'],
] as const;

describe('Messages to Claude on clouds', () => {
  for (const [schema, anthropic_version] of CLOUDS) {
    it(`keep what nobody here knows, at ${schema}`, () => {
      const body = {
        ...HELLO,
        made_up: { x: [1, { y: null }] },
        top_k: 3,
        messages: [{ role: 'user', content: [], new: 1 }],
      };
      const { model: _, ...rest } = body;
      const { sent, unsupported } = translate(schema, { ...body, anthropic_version: 'mine' });
      expect(sent).to.deep.equal({ anthropic_version, ...rest });
      expect(unsupported).to.deep.equal([]);
    });

    it(`go without what only Anthropic offers, and say so, at ${schema}`, () => {
      const alone = { service_tier: 'standard_only', mcp_servers: [{}], container: 'c', speed: null };
      const { sent, unsupported } = translate(schema, { ...HELLO, ...alone });
      expect(sent).to.deep.equal({ anthropic_version, max_tokens: 10, messages: HELLO.messages });
      expect(unsupported).to.deep.equal(['service_tier', 'mcp_servers', 'container']);
      expect(translate(schema, { ...HELLO, service_tier: 'auto' }).unsupported).to.deep.equal([]);
      expect(() => translate(schema, { ...HELLO, ...alone }, { unsupported: 'refuse' })).to.throw("'mcp_servers'");
    });

    it(`go without the thoughts of others, at ${schema}`, () => {
      const own = { type: 'thinking', thinking: 'a', signature: 'c2ln' };
      const others = [
        { type: 'thinking', thinking: 'b', signature: '' },
        { type: 'thinking', thinking: '', signature: 'gemini:c2ln' },
      ];
      const text = { type: 'text', text: 'x' };
      const messages = [
        { role: 'user', content: 'hello' },
        { role: 'assistant', content: [own, ...others, text] },
        { role: 'user', content: 'more' },
        { role: 'assistant', content: others },
      ];
      const { sent, unsupported } = translate(schema, { ...HELLO, messages });
      expect(sent.messages).to.deep.equal([messages[0], { role: 'assistant', content: [own, text] }, messages[2]]);
      expect(unsupported).to.deep.equal(['messages[].content[].thinking']);
    });

    it(`are refused where they are none, at ${schema}`, () => {
      const refused: [Json, string][] = [
        [{ ...HELLO, model: 5 }, "'model' must be a string"],
        [{ messages: [] }, "'model' is required"],
        [{ ...HELLO, stream: 'yes' }, "'stream' must be a boolean"],
      ];
      for (const [body, message] of refused) expect(() => translate(schema, body)).to.throw(message);
    });

    it(`get answers byte by byte, or hear that they are none, at ${schema}`, () => {
      const whole = '{ "type": "message",\n "usage": {"input_tokens": 1.0} }';
      expect(answer(schema, HELLO, [whole.slice(0, 9), whole.slice(9)])).to.deep.equal({ status: 200, text: whole });
      for (const text of ['<html>', '', '[]', '{"a":']) {
        const { status, text: said } = answer(schema, HELLO, [text]);
        expect(status, text).to.equal(502);
        expect(JSON.parse(said)).to.have.nested.property('error.type', 'api_error');
      }
    });
  }

  it('say by the path alone on Bedrock whether they stream, and in the body on Vertex too', () => {
    expect(translate('AWSAnthropic', { ...HELLO, stream: true }).sent).to.not.have.property('stream');
    expect(translate('GCPAnthropic', { ...HELLO, stream: true }).sent).to.have.property('stream', true);
  });

  it('ask for betas in the body on Bedrock, for those that it has', () => {
    const betas = ['context-1m-2025-08-07', 'claude-code-20250219', 'advanced-tool-use-2025-11-20'];
    const anthropic_beta = ['interleaved-thinking-2025-05-14', 'context-1m-2025-08-07'];
    const { sent, unsupported } = translate('AWSAnthropic', { ...HELLO, anthropic_beta }, { betas });
    expect(sent.anthropic_beta).to.deep.equal([...anthropic_beta, 'tool-search-tool-2025-10-19']);
    expect(unsupported).to.deep.equal(['anthropic-beta: claude-code-20250219']);
    expect(translate('AWSAnthropic', HELLO, { betas: ['x'] }).sent).to.not.have.property('anthropic_beta');
    const converse = translate('AWSBedrock', { ...HELLO, model: 'anthropic.claude-sonnet-4-5' }, { betas });
    expect(converse.sent.additionalModelRequestFields).to.deep.equal({
      anthropic_beta: ['context-1m-2025-08-07', 'tool-search-tool-2025-10-19'],
    });
    expect(translate('AWSBedrock', { ...HELLO, model: 'amazon.nova-pro-v1:0' }, { betas }).sent).to.not.have.property(
      'additionalModelRequestFields',
    );
  });
});

const START = { type: 'message_start', message: { id: 'a' } };
const DELTA = {
  type: 'content_block_delta',
  index: 0,
  delta: { type: 'text_delta', text: 'a "type":"message_stop" b' },
};
const STOP = { type: 'message_stop' };

describe('Streams of Claude on Vertex', () => {
  const asked = { ...HELLO, stream: true };
  const event = (value: Json, end = '\n'): string =>
    `event: ${String(value.type)}${end}data: ${JSON.stringify(value)}${end}${end}`;

  for (const [name, end] of [
    ['LF', '\n'],
    ['CR LF', '\r\n'],
    ['CR', '\r'],
  ] as const) {
    it(`pass as they are, with lines that end in ${name}`, () => {
      const stream = [START, DELTA, STOP].map((value) => event(value, end)).join('');
      for (let at = 0; at <= stream.length; at++) {
        expect(answer('GCPAnthropic', asked, [stream.slice(0, at), stream.slice(at)]).text, `${at}`).to.equal(stream);
      }
    });
  }

  it('pass without their last blank line', () => {
    const stream = event(START) + event(STOP);
    expect(answer('GCPAnthropic', asked, [stream.trimEnd()]).text).to.equal(stream);
  });

  it('that end early do so in an error, behind whole events', () => {
    const begun = event(START) + event(DELTA);
    for (const cut of ['', 'event: message_st', event(STOP).slice(0, -4)]) {
      const { text } = answer('GCPAnthropic', asked, [begun + cut]);
      expect(text.startsWith(begun)).to.equal(true);
      expect(eventsOf(text).map(({ type }) => type)).to.deep.equal(['message_start', 'content_block_delta', 'error']);
    }
    expect(eventsOf(answer('GCPAnthropic', asked, []).text).map(({ type }) => type)).to.deep.equal(['error']);
  });

  it("that tell of a failure keep the provider's words", () => {
    const failure = { type: 'error', error: { type: 'overloaded_error', message: 'Overloaded' } };
    const stream = event(START) + event(failure);
    expect(answer('GCPAnthropic', asked, [stream]).text).to.equal(stream);
  });

  it('hold no more than an event may have', () => {
    const response = translate('GCPAnthropic', asked).translation.response(200, new Map());
    const piece = Buffer.alloc(1024 * 1024, 97);
    let said = '';
    for (let i = 0; i < 40 && said === ''; i++) said = Buffer.from(response.push(piece)).toString();
    expect(eventsOf(said)[0]).to.have.nested.property('error.message', 'the provider sent an event that is too large');
    expect(Buffer.from(response.push(piece)).length + response.end().length).to.equal(0);
  });
});

describe('Streams of Claude on Bedrock', () => {
  const asked = { ...HELLO, stream: true };
  const chunk = (text: string): Buffer => jsonEvent('chunk', { bytes: Buffer.from(text).toString('base64'), p: 'abc' });
  const ask = (...pieces: Buffer[]): string => answer('AWSAnthropic', asked, [Buffer.concat(pieces)]).text;

  it('are those of Anthropic', () => {
    const stream = [START, DELTA, STOP].map((value) => chunk(JSON.stringify(value)));
    expect(ask(...stream)).to.equal(
      [START, DELTA, STOP].map((value) => `event: ${value.type}\ndata: ${JSON.stringify(value)}\n\n`).join(''),
    );
  });

  it('stay one line an event, however that is written', () => {
    const spaced = JSON.stringify({ made_up: 1, ...DELTA }, null, 2);
    expect(eventsOf(ask(chunk(spaced), chunk(JSON.stringify(STOP))))).to.deep.equal([{ made_up: 1, ...DELTA }, STOP]);
  });

  const failures: [string, Buffer, Json][] = [
    [
      'an exception',
      exceptionEvent('throttlingException', { message: 'slow' }),
      { type: 'rate_limit_error', message: 'slow' },
    ],
    ['an unknown error', unmodelledErrorEvent('X', 'oh'), { type: 'api_error', message: 'oh' }],
    [
      'a chunk that is no JSON',
      chunk('{"type":'),
      { type: 'api_error', message: 'The provider sent an event that is not JSON' },
    ],
    [
      'a message without a chunk',
      jsonEvent('other', {}),
      { type: 'api_error', message: 'The provider sent an event that is not JSON' },
    ],
    [
      'bytes of something else',
      Buffer.from('<html>this is a page of a proxy</html>'),
      { type: 'api_error', message: 'the event stream of the provider has a wrong checksum' },
    ],
    [
      'nothing',
      Buffer.alloc(0),
      { type: 'api_error', message: 'The provider ended the stream before the answer was whole' },
    ],
  ];
  for (const [what, bytes, error] of failures) {
    it(`end in an error at ${what}`, () => {
      const events = eventsOf(ask(chunk(JSON.stringify(START)), bytes));
      expect(events).to.deep.equal([START, { type: 'error', error }]);
      const after = eventsOf(ask(chunk(JSON.stringify(START)), bytes, chunk(JSON.stringify(STOP))));
      if (bytes.length > 0) expect(after).to.deep.equal([START, { type: 'error', error }]);
    });
  }
});

describe('Counts of tokens', () => {
  const count = { model: 'm', messages: HELLO.messages, thinking: { type: 'enabled', budget_tokens: 2000 } };
  const endpoint = 'messages_count_tokens';

  it('are asked of the model behind a profile', () => {
    for (const schema of ['AWSBedrock', 'AWSAnthropic'] as const) {
      const { headers } = translate(schema, { ...count, model: 'us.anthropic.claude-x:0' }, { endpoint });
      expect(headers, schema).to.deep.equal([[':path', '/model/anthropic.claude-x%3A0/count-tokens']]);
      expect(translate(schema, { ...count, model: 'anthropic.claude-x:0' }, { endpoint }).headers).to.deep.equal([]);
    }
  });

  it('hold a body that could be sent', () => {
    const { sent } = translate('AWSAnthropic', count, { endpoint });
    const { body } = (sent.input as { invokeModel: { body: string } }).invokeModel;
    expect(JSON.parse(Buffer.from(body, 'base64').toString())).to.deep.equal({
      anthropic_version: 'bedrock-2023-05-31',
      max_tokens: 2001,
      messages: HELLO.messages,
      thinking: count.thinking,
    });
  });

  it('name the model on Vertex, without a word for its newest version', () => {
    expect(translate('GCPAnthropic', { ...count, model: 'claude-x@latest' }, { endpoint }).sent.model).to.equal(
      'claude-x',
    );
    expect(translate('GCPAnthropic', { ...count, model: 'claude-x@2025' }, { endpoint }).sent.model).to.equal(
      'claude-x@2025',
    );
  });

  const answers: [ProviderSchema, Json, number | undefined][] = [
    ['AWSBedrock', { inputTokens: 7 }, 7],
    ['AWSAnthropic', {}, undefined],
    ['GCPAnthropic', { input_tokens: 7 }, 7],
    ['GCPAnthropic', { tokens: 7 }, undefined],
    ['GCPVertexAI', { totalTokens: 7 }, 7],
    ['GCPVertexAI', {}, 0],
    ['GCPVertexAI', { totalTokens: 'x' }, undefined],
  ];
  for (const [schema, said, tokens] of answers) {
    it(`are read of ${JSON.stringify(said)} at ${schema}`, () => {
      const { translation } = translate(schema, count, { endpoint });
      const response = translation.response(200, new Map());
      response.push(Buffer.from(JSON.stringify(said)));
      const told = JSON.parse(Buffer.from(response.end()).toString()) as Json;
      expect(response.status()).to.equal(tokens === undefined ? 502 : 200);
      if (tokens !== undefined) expect(told).to.deep.equal({ input_tokens: tokens });
      else expect(told).to.have.nested.property('error.type', 'api_error');
    });
  }
});
