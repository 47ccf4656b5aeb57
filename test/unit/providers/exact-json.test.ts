import { expect } from 'chai';
import type { EndpointName } from '../../../src/ir/index.ts';
import { createTranslation } from '../../../src/providers/translations.ts';

const BIG = '12345678901234567891';
const attempt = { requestId: 'r', nowSeconds: 0, unsupported: 'report' } as const;

function toolUse(input: string): string {
  return `{"type":"tool_use","id":"t1","name":"find","input":${input}}`;
}

describe('integers above 2^53', () => {
  const input = `{"id":${BIG},"low":-${BIG},"text":"${BIG}","ids":[${BIG},1,1.5e300,0.0000012345678901234567]}`;

  it('keep their digits from the arguments of a call to the input of a tool, and in schemas', () => {
    const translation = createTranslation({
      ...attempt,
      endpoint: 'chat_completions',
      provider: { schema: 'Anthropic' },
    });
    const call = { id: 't1', type: 'function', function: { name: 'find', arguments: input } };
    const messages = [
      { role: 'user', content: `which is ${BIG}, "${BIG}"?` },
      { role: 'assistant', tool_calls: [call] },
      { role: 'tool', tool_call_id: 't1', content: 'that one' },
    ];
    const schema = `{"type":"object","properties":{"id":{"const":${BIG}}}}`;
    const tools = `[{"type":"function","function":{"name":"find","parameters":${schema}}}]`;
    const body = `{"model":"m","max_tokens":10,"messages":${JSON.stringify(messages)},"tools":${tools}}`;
    const text = Buffer.from(translation.request(Buffer.from(body)).body).toString();
    expect(text).to.include(
      `"input":{"id":${BIG},"low":-${BIG},"text":"${BIG}","ids":[${BIG},1,1.5e+300,0.0000012345678901234567]}`,
    );
    expect(text).to.include(`"const":${BIG}`);
    expect(text).to.include(`"text":"which is ${BIG}, \\"${BIG}\\"?"`);
  });

  it('keep their digits from the input of a tool to the arguments of a call, both ways', () => {
    const translation = createTranslation({ ...attempt, endpoint: 'messages', provider: { schema: 'OpenAI' } });
    const said = `{"role":"assistant","content":[${toolUse(input)}]}`;
    const result = '{"role":"user","content":[{"type":"tool_result","tool_use_id":"t1","content":"x"}]}';
    const body = `{"model":"m","max_tokens":10,"messages":[{"role":"user","content":"?"},${said},${result}]}`;
    const written = Buffer.from(translation.request(Buffer.from(body)).body).toString();
    expect(written).to.include(JSON.stringify(input.replace('1.5e300', '1.5e+300')));
    const headers = new Map([['content-type', 'application/json']]);
    const answer = translation.response(200, headers);
    const message = { role: 'assistant', content: null, tool_calls: [] as object[] };
    message.tool_calls.push({ id: 't1', type: 'function', function: { name: 'find', arguments: `{"id":${BIG}}` } });
    const choices = [{ index: 0, message, finish_reason: 'tool_calls' }];
    answer.push(Buffer.from(JSON.stringify({ id: 'c', object: 'chat.completion', created: 1, model: 'm', choices })));
    expect(Buffer.from(answer.end()).toString()).to.include(`"input":{"id":${BIG}}`);
  });

  it('keep their digits in the answer of a provider that tells input as JSON, at once and in a stream', () => {
    for (const stream of [false, true]) {
      const provider = { schema: 'GCPVertexAI' } as const;
      const translation = createTranslation({ ...attempt, endpoint: 'chat_completions', provider });
      translation.request(
        Buffer.from(JSON.stringify({ model: 'm', stream, messages: [{ role: 'user', content: '?' }] })),
      );
      const part = `{"functionCall":{"name":"find","args":{"id":${BIG}}}}`;
      const said = `{"candidates":[{"content":{"role":"model","parts":[${part}]},"finishReason":"STOP"}]}`;
      const type = stream ? 'text/event-stream' : 'application/json';
      const answer = translation.response(200, new Map([['content-type', type]]));
      const pushed = Buffer.from(answer.push(Buffer.from(stream ? `data: ${said}\n\n` : said))).toString();
      expect(pushed + Buffer.from(answer.end()).toString()).to.include(`{\\"id\\":${BIG}}`);
    }
  });

  it('count as the numbers that they are where a number is read, and as no texts', () => {
    const translate = (rest: string): string => {
      const provider = { schema: 'GCPVertexAI' } as const;
      const translation = createTranslation({ ...attempt, endpoint: 'chat_completions', provider });
      const body = `{"model":"m","messages":[{"role":"user","content":"?"}],${rest}}`;
      return Buffer.from(translation.request(Buffer.from(body)).body).toString();
    };
    expect(JSON.parse(translate(`"seed":${BIG}`))).to.have.nested.property('generationConfig.seed', Number(BIG));
    expect(() => translate(`"user":${BIG}`)).to.throw("'user' must be a string");
  });

  it('are refused by name where a text is expected, like any other number', () => {
    const said = (content: string): string => `"messages":[{"role":"user","content":${content}}]`;
    const asked = `${said('"?"')},"max_tokens":10`;
    const part = (text: string): string => said(`[{"type":"text","text":${text}}]`);
    const tools = '"tools":[{"type":"function","function":{"name":"f"}}]';
    const media = said(`[{"type":"image_url","image_url":N}]`);
    const fields: Readonly<Partial<Record<EndpointName, readonly (readonly [body: string, field: string])[]>>> = {
      chat_completions: [
        [said('N'), 'messages[0].content'],
        [part('N'), 'messages[0].content[0].text'],
        [media, 'messages[0].content[0].image_url'],
        [`"messages":[{"role":"tool","tool_call_id":"t","content":N}]`, 'messages[0].content'],
        [`"messages":[{"role":"system","content":N}]`, 'messages[0].content'],
        [`${asked},"stop":N`, 'stop'],
        [`${asked},"stop":["a",N]`, 'stop'],
        [`${asked},${tools},"tool_choice":N`, 'tool_choice'],
      ],
      completions: [
        ['"prompt":N', 'prompt'],
        ['"prompt":[N]', 'prompt'],
        ['"prompt":"?","stop":[N]', 'stop'],
      ],
      responses: [
        ['"input":N', 'input'],
        ['"input":[{"role":"user","content":N}]', 'input[0].content'],
        ['"input":[{"type":"function_call_output","call_id":"c","output":N}]', 'input[0].output'],
        ['"input":"?","instructions":N', 'instructions'],
        ['"input":"?","tool_choice":N', 'tool_choice'],
      ],
      messages: [
        [said('N'), 'messages[0].content'],
        [part('N'), 'messages[0].content[0].text'],
        [`${asked},"system":N`, 'system'],
        [`${asked},"stop_sequences":["a",N]`, 'stop_sequences'],
      ],
      embeddings: [
        ['"input":N', 'input'],
        ['"input":["a",N]', 'input'],
      ],
      tokenize: [['"prompt":N', 'prompt']],
    };
    for (const [endpoint, cases] of Object.entries(fields)) {
      for (const [body, field] of cases) {
        // Both are refused alike, whatever the number.
        const messages = [BIG, '7'].map((number) => {
          const provider = { schema: 'GCPVertexAI' } as const;
          const translation = createTranslation({ ...attempt, endpoint: endpoint as EndpointName, provider });
          try {
            translation.request(Buffer.from(`{"model":"gemini-2.5-flash",${body.replaceAll('N', number)}}`));
          } catch (caught) {
            expect(caught, `${endpoint} ${body}`).to.have.property('code', 'invalid_input');
            return (caught as Error).message;
          }
          return undefined;
        });
        expect(messages[0], `${endpoint} ${body}`).to.equal(messages[1]);
        expect(messages[0], `${endpoint} ${body}`).to.match(/^'/).and.include(`'${field}'`);
      }
    }
  });
});
