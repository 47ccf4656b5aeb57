import { expect } from 'chai';
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
});
