import { expect } from 'chai';
import type { ConversationRequest, TextPart } from '../../../src/providers/conversation.ts';
import { shorten } from '../../../src/providers/stand-ins.ts';

const SIDES = ['user', 'assistant'] as const;

function textOf(i: number): string {
  return `number ${i}, which says ${'something '.repeat(i % 5)}`.trim();
}

function bodyOf(count: number): Buffer {
  const messages = Array.from({ length: count }, (_, i) => ({ role: SIDES[i % 2], content: textOf(i) }));
  return Buffer.from(JSON.stringify({ model: 'm', messages }));
}

function shortened(count: number): { texts: string[]; restore: (written: string) => string | undefined } {
  const short = shorten(bodyOf(count));
  if (short === undefined) throw new Error('nothing to gain');
  const { messages } = JSON.parse(short.body.toString()) as { messages: { content: string }[] };
  return {
    texts: messages.map(({ content }) => content),
    restore: (written) => short.restore(Buffer.from(written))?.toString(),
  };
}

/** As a provider's API might have it. */
function write(texts: readonly string[]): string {
  return JSON.stringify({ said: texts.map((text, i) => ({ by: i % 2, text: [{ text }] })), end: 'é' });
}

describe('stand-ins of plain messages', () => {
  it('are few, and all messages are written as they are', () => {
    for (const count of [12, 13, 40, 41]) {
      const { texts, restore } = shortened(count);
      expect(texts).to.have.lengthOf(count % 2 === 0 ? 4 : 5);
      const all = Array.from({ length: count }, (_, i) => textOf(i));
      expect(restore(write(texts)), String(count)).to.equal(write(all));
    }
  });

  it('stand for each of few messages, wherever these are written', () => {
    const messages = [0, 1, 2].map((i) => ({ role: SIDES[i % 2], content: 'word '.repeat(100) + i }));
    const short = shorten(Buffer.from(JSON.stringify({ messages })));
    const texts = short?.body.toString().match(/[a-z]{24}\d+/gi) ?? [];
    expect(texts).to.have.lengthOf(3);
    const written = (all: readonly (string | undefined)[]): string =>
      JSON.stringify({ last: all[2], all: all.slice(0, 2) });
    const restored = short?.restore(Buffer.from(written(texts)))?.toString();
    expect(restored).to.equal(written(messages.map(({ content }) => content)));
  });

  it('tell nothing where they are not written one like the other', () => {
    const { texts, restore } = shortened(20);
    const [one = '', two = '', three = '', four = ''] = texts;
    const wrong: Readonly<Record<string, string>> = {
      missing: write([one, two, three]),
      'there twice': write([...texts, four]),
      'in another order': write([two, one, four, three]),
      'in a longer text': write([`${one}.`, two, three, four]),
      'in a text of JSON': JSON.stringify({ said: write(texts) }),
      'last in another way': write(texts).replace(/\{"text"(?!.*\{"text")/, '{"last":1,"text"'),
    };
    for (const [how, written] of Object.entries(wrong)) expect(restore(written), how).to.equal(undefined);
  });

  it('may be behind other words', () => {
    const { texts, restore } = shortened(12);
    const all = Array.from({ length: 12 }, (_, i) => textOf(i));
    expect(restore(write([`say "${texts[0]}`, ...texts.slice(1)]))).to.equal(
      write([`say "${all[0]}`, ...all.slice(1)]),
    );
  });

  it('stand only for what is said in the conversation', () => {
    const [said, meant, failure] = [
      'said'.repeat(1500),
      'meant'.repeat(1500),
      `{"says":"${'x'.repeat(6000)}","error":1234567}`,
    ];
    const body = Buffer.from(JSON.stringify({ system: said, extra: { content: meant }, output: failure, n: 100 }));
    const short = shorten(body);
    const texts = short?.body.toString().match(/[a-z]{24}\d+/gi) ?? [];
    expect(texts).to.have.lengthOf(3);
    const part = (text = ''): TextPart => ({ kind: 'text', text });
    const request: ConversationRequest = {
      ...{ model: 'm', stream: false, includeUsage: false, tools: [], extra: {} },
      system: [part(texts[0])],
      messages: [
        { role: 'user', parts: [{ kind: 'tool_result', id: 'c', content: [part(texts[2])], isError: false }] },
      ],
    };
    const fewer = short?.saidIn(request);
    const { system, ...rest } = JSON.parse(String(fewer?.body)) as Record<string, unknown>;
    expect(rest).to.deep.equal({ extra: { content: meant }, output: failure, n: 100 });
    expect(system).to.equal(texts[0]);
    expect(fewer?.restore(Buffer.from(JSON.stringify([{ system }])))?.toString()).to.equal(
      JSON.stringify([{ system: said }]),
    );
    expect(fewer?.saidIn(request)).to.equal(fewer);
    expect(fewer?.saidIn({ ...request, system: [] })).to.equal(undefined);
  });

  it('are none in bodies that are small, not UTF-8, or not written as usual', () => {
    const usual = bodyOf(40);
    expect(shorten(usual)).to.not.equal(undefined);
    expect(shorten(bodyOf(4))).to.equal(undefined);
    expect(shorten(Buffer.concat([usual, Buffer.from([0xff])]))).to.equal(undefined);
    for (const [from, to] of [
      ['{"role"', '{\n"role"'],
      // What is no JSON, and what `JSON.stringify` writes in another way.
      ['number', 'number\u0001'],
      ['number', '\\u006eumber'],
      ['number', '\\/number'],
    ] as const) {
      expect(shorten(Buffer.from(usual.toString().replaceAll(from, to))), to).to.equal(undefined);
    }
  });
});
