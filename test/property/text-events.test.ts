import { expect } from 'chai';
import fc from 'fast-check';
import type { EndpointName, ProviderSchema } from '../../src/ir/index.ts';
import type { AnswerEvent } from '../../src/providers/conversation.ts';
import { parseJsonObject } from '../../src/providers/json.ts';
import { createTextReader, type EventReader } from '../../src/providers/text-events.ts';
import { createTranslation } from '../../src/providers/translations.ts';
import { encodeEvent } from '../fakes/event-stream.ts';

type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };
type Fields = { readonly [key: string]: Json };

/** How a provider writes JSON. */
interface Style {
  readonly space: string;
  readonly isReversed: boolean;
  readonly hasLongEscapes: boolean;
}

/** One event with text, and what differs beside it. */
interface Piece {
  readonly kind: 'text' | 'thought' | 'arguments';
  readonly text: string;
  readonly padding: string;
  /** Before the last bracket. */
  readonly spaces: number;
  readonly extra: Fields;
  /** Undefined: that of the stream. */
  readonly style: Style | undefined;
}

interface Provider {
  readonly schema: ProviderSchema;
  readonly type: string;
  readonly begin: Json;
  /** Shape: what opens the part, where another one was open before, and the text. */
  readonly piece: (piece: Piece, last: Piece['kind'] | undefined) => readonly Json[];
  readonly end: readonly Json[];
  /** Says nothing, and is no text event: what follows it is read in full. */
  readonly nothing: Json;
  readonly frame: (json: string, event: Json) => Buffer;
}

function write(value: Json, style: Style): string {
  if (typeof value === 'string') return writeText(value, style);
  if (typeof value !== 'object' || value === null) return String(value);
  const comma = `,${style.space}`;
  if (Array.isArray(value)) return `[${(value as readonly Json[]).map((one) => write(one, style)).join(comma)}]`;
  const members = Object.entries(value).map(([key, one]) => `"${key}":${style.space}${write(one as Json, style)}`);
  return `{${(style.isReversed ? members.reverse() : members).join(comma)}}`;
}

function writeText(text: string, { hasLongEscapes }: Style): string {
  if (!hasLongEscapes) return JSON.stringify(text);
  const escaped = (code: string): string => `\\u${code.charCodeAt(0).toString(16).padStart(4, '0')}`;
  return `"${text.replace(/[^ -~]|["\\/<]/g, escaped)}"`;
}

function sse(json: string, event: Json): Buffer {
  const { type } = event as { readonly type?: string };
  return Buffer.from(`${type === undefined ? '' : `event: ${type}\n`}data: ${json}\n\n`);
}

const USAGE = { input_tokens: 1, output_tokens: 2 };
const CLAUDE = { id: 'msg_1', type: 'message', role: 'assistant', model: 'claude', content: [], usage: USAGE };
const CLAUDE_PARTS = {
  text: { block: { type: 'text', text: '' }, delta: (text: string) => ({ type: 'text_delta', text }) },
  thought: {
    block: { type: 'thinking', thinking: '' },
    delta: (thinking: string) => ({ type: 'thinking_delta', thinking }),
  },
  arguments: {
    block: { type: 'tool_use', id: 'toolu_1', name: 'weather', input: {} },
    delta: (partial_json: string) => ({ type: 'input_json_delta', partial_json }),
  },
};

const anthropic: Provider = {
  schema: 'Anthropic',
  type: 'text/event-stream',
  begin: { type: 'message_start', message: CLAUDE },
  piece({ kind, text, extra }, last) {
    const { block, delta } = CLAUDE_PARTS[kind];
    const stop = last === undefined ? [] : [{ type: 'content_block_stop', index: 0 }];
    const start = [...stop, { type: 'content_block_start', index: 0, content_block: block }];
    return [...(last === kind ? [] : start), { type: 'content_block_delta', index: 0, ...extra, delta: delta(text) }];
  },
  end: [
    { type: 'message_delta', delta: { stop_reason: 'end_turn', stop_sequence: null }, usage: USAGE },
    { type: 'message_stop' },
  ],
  nothing: { type: 'ping' },
  frame: sse,
};

/** Shape: an event is an object with its type as the only key. */
const converse: Provider = {
  schema: 'AWSBedrock',
  type: 'application/vnd.amazon.eventstream',
  begin: { messageStart: { role: 'assistant' } },
  piece({ kind, text, extra, padding: p }, last) {
    const delta = {
      text: { text },
      thought: { reasoningContent: { text } },
      arguments: { toolUse: { input: text } },
    }[kind];
    const isOther = last !== kind;
    const toolUse = { toolUseId: 'toolu_1', name: 'weather' };
    return [
      ...(isOther && last !== undefined ? [{ contentBlockStop: { contentBlockIndex: 0 } }] : []),
      ...(isOther && kind === 'arguments' ? [{ contentBlockStart: { contentBlockIndex: 0, start: { toolUse } } }] : []),
      { contentBlockDelta: { contentBlockIndex: 0, delta, ...extra, p } },
    ];
  },
  end: [
    { messageStop: { stopReason: 'end_turn' } },
    { metadata: { usage: { inputTokens: 1, outputTokens: 2, totalTokens: 3 } } },
  ],
  nothing: { nothing: {} },
  frame(json, event) {
    const [type = ''] = Object.keys(event as Fields);
    const headers = { ':event-type': type, ':content-type': 'application/json', ':message-type': 'event' };
    return encodeEvent({ headers, payload: Buffer.from(json.slice(json.indexOf('{', 1), json.lastIndexOf('}'))) });
  },
};

const gemini: Provider = {
  schema: 'GCPVertexAI',
  type: 'text/event-stream',
  begin: { responseId: 'r', modelVersion: 'gemini' },
  piece({ kind, text, extra }) {
    const parts = [{ text, ...(kind === 'thought' && { thought: true }) }];
    return [{ candidates: [{ content: { role: 'model', parts }, ...extra }], responseId: 'r' }];
  },
  end: [{ candidates: [{ finishReason: 'STOP' }], usageMetadata: { promptTokenCount: 1, candidatesTokenCount: 2 } }],
  nothing: {},
  frame: (json) => sse(json, {}),
};

const CHUNK = { id: 'chatcmpl-1', object: 'chat.completion.chunk', created: 1, model: 'gpt' };
const openai: Provider = {
  schema: 'OpenAI',
  type: 'text/event-stream',
  begin: { ...CHUNK, choices: [{ index: 0, delta: { role: 'assistant', content: '' } }] },
  piece({ kind, text, extra, padding: obfuscation }, last) {
    const isFirst = last !== kind;
    const called = { ...(isFirst && { name: 'weather' }), arguments: text };
    const delta = {
      text: { content: text },
      thought: { reasoning_content: text },
      arguments: { tool_calls: [{ ...(isFirst && { id: 'call_1' }), function: called }] },
    }[kind];
    return [{ ...CHUNK, choices: [{ index: 0, delta, finish_reason: null }], ...extra, obfuscation }];
  },
  end: [{ ...CHUNK, choices: [{ index: 0, delta: {}, finish_reason: 'stop' }] }],
  nothing: { choices: [] },
  frame: (json) => sse(json, {}),
};

const PAIRS: readonly (readonly [EndpointName, Provider])[] = [
  ['chat_completions', anthropic],
  ['responses', anthropic],
  ['chat_completions', converse],
  ['messages', converse],
  ['chat_completions', gemini],
  ['messages', gemini],
  ['messages', openai],
  ['responses', openai],
];

const style = fc.record({
  space: fc.constantFrom('', ' '),
  isReversed: fc.boolean(),
  hasLongEscapes: fc.boolean(),
});
const text = fc.oneof(
  { weight: 4, arbitrary: fc.string({ minLength: 1, maxLength: 8 }) },
  fc.string({ unit: 'binary', maxLength: 8 }),
  fc.constantFrom(
    '',
    ':',
    ',',
    'p',
    'r',
    'text',
    '\\',
    '"',
    '"}',
    '\n\n',
    '\\u0041',
    '\u2028',
    '漢字',
    '🙂',
    'data: x',
    'weather',
  ),
  fc.constant('long '.repeat(5000)),
);
const piece = fc.record<Piece>({
  kind: fc.constantFrom('text', 'text', 'text', 'thought', 'arguments'),
  text,
  padding: fc.string({ maxLength: 5 }),
  spaces: fc.nat(3),
  extra: fc.oneof(
    { weight: 4, arbitrary: fc.constant({}) },
    fc.constantFrom<Fields>({ extra: null }, { extra: 'text' }, { p: 'r' }, { extra: 2 ** 63 }),
  ),
  style: fc.option(style, { freq: 5, nil: undefined }),
});

describe('events of a stream that differ in their text alone', () => {
  /** The kinds come in runs, as they do in answers. */
  function events(provider: Provider, pieces: readonly Piece[], all: Style): Buffer[] {
    const frame = (event: Json, how = all, spaces = 0): Buffer =>
      provider.frame(write(event, how).replace(/\}(?=\}$)/, `}${' '.repeat(spaces)}`), event);
    const framed = [frame(provider.begin)];
    let last: Piece['kind'] | undefined;
    for (const one of [...pieces].sort((a, b) => a.kind.localeCompare(b.kind))) {
      for (const event of provider.piece(one, last)) framed.push(frame(event, one.style, one.spaces));
      last = one.kind;
    }
    return [...framed, ...provider.end.map((event) => frame(event))];
  }

  function translated(endpoint: EndpointName, provider: Provider, bytes: Buffer, cuts: readonly number[]): string {
    const { schema, type } = provider;
    const attempt = { endpoint, provider: { schema }, requestId: 'r1', nowSeconds: 1, unsupported: 'report' } as const;
    const translation = createTranslation(attempt);
    const messages = [{ role: 'user', content: 'hello' }];
    const asked = endpoint === 'responses' ? { input: 'hello' } : { messages, max_tokens: 10 };
    translation.request(Buffer.from(JSON.stringify({ model: 'm', stream: true, ...asked })));
    const response = translation.response(200, new Map([['content-type', type]]));
    const out: Uint8Array[] = [];
    let from = 0;
    for (const to of [...cuts.map((cut) => cut % bytes.length).sort((a, b) => a - b), bytes.length]) {
      out.push(Buffer.from(response.push(bytes.subarray(from, to))));
      from = to;
    }
    return Buffer.concat([...out, response.end()]).toString();
  }

  for (const [endpoint, provider] of PAIRS) {
    it(`come to what each of them comes to by itself: ${endpoint}, ${provider.schema}`, () => {
      fc.assert(
        fc.property(
          fc.array(piece, { minLength: 1, maxLength: 12 }),
          style,
          fc.array(fc.nat(), { maxLength: 6 }),
          (pieces, all, cuts) => {
            const framed = events(provider, pieces, all);
            const nothing = provider.frame(write(provider.nothing, all), provider.nothing);
            const apart = Buffer.concat(framed.flatMap((event) => [event, nothing]));
            const slow = translated(endpoint, provider, apart, []);
            expect(translated(endpoint, provider, Buffer.concat(framed), cuts)).to.equal(slow);
            expect(slow).to.not.match(/"error":\{/);
          },
        ),
        { numRuns: 150 },
      );
    });
  }

  /** The simplest reader that there is: it says the text, opens parts, ends. */
  function createToy(): EventReader {
    let part = 0;
    return (json, said) => {
      const event = parseJsonObject(json);
      if (event === undefined) said.push({ kind: 'error', error: { status: 502, message: 'no JSON' } });
      if (event?.open !== undefined) {
        part += 1;
        said.push({ kind: 'part_start', candidate: 0, part, start: { kind: 'text' } });
      }
      if (typeof event?.text === 'string')
        said.push({ kind: 'part_delta', candidate: 0, part, delta: { kind: 'text', text: event.text } });
      if (event?.stop === 'b') said.push({ kind: 'finish', candidate: 0, finish: 'stop' });
    };
  }

  it('are told apart from those that differ in anything else', () => {
    const word = fc.constantFrom('"a"', '"a"', '"b"', '"c"', '"\\u0061"', '"a\\""', '":"', '","', '""', '1', 'null');
    const key = fc.constantFrom('"text"', '"text"', '"stop"', '"id"', '"p"', '"a"', '"open"');
    const space = fc.constantFrom('', '', '', ' ');
    const member = fc.tuple(key, word).map(([name, value]) => `${name}:${value}`);
    const line = fc
      .tuple(fc.array(member, { minLength: 1, maxLength: 3 }), space, fc.constantFrom('}', '}', '}', '}}', '', '}1'))
      .map(([members, blank, end]) => `{${members.join(',')}${blank}${end}`);
    /** The same with another value in one place, or another end. */
    const changed = (first: string): fc.Arbitrary<string> => {
      const values = [...first.matchAll(/"(?:[^"\\]|\\.)*"(?!:)/g)];
      const ends = fc.constantFrom('}', '', ' }', '}}').map((end) => first.replace(/\s*\}*1?$/, end));
      if (values.length === 0) return ends;
      const other = fc.tuple(fc.constantFrom(...values), word).map(([{ 0: old, index }, by]) => {
        return first.slice(0, index) + by + first.slice(index + old.length);
      });
      return fc.oneof({ weight: 4, arbitrary: other }, ends, line);
    };
    const lines = line.chain((first) => fc.array(changed(first), { maxLength: 6 }).map((others) => [first, ...others]));
    fc.assert(
      fc.property(lines, (jsons) => {
        const [known, full]: [AnswerEvent[], AnswerEvent[]] = [[], []];
        const [read, readInFull] = [createTextReader(createToy()), createToy()];
        for (const json of jsons) {
          read(json, known, '');
          readInFull(json, full, '');
        }
        expect(known, jsons.join('\n')).to.deep.equal(full);
      }),
      { numRuns: 5000 },
    );
  });

  it('are not parsed', () => {
    let parsed = 0;
    const toy = createToy();
    const read = createTextReader((json, said, name) => {
      parsed += 1;
      toy(json, said, name);
    });
    const said: AnswerEvent[] = [];
    const texts = [' one', ' two', '\n"three"', 'vier ü', '🙂'];
    for (const [at, one] of texts.entries())
      read(`{"text":${JSON.stringify(one)},"p":"${'x'.repeat(at)}"}${' '.repeat(at)}`, said, '');
    expect(
      said.map((event) => event.kind === 'part_delta' && event.delta.kind === 'text' && event.delta.text),
    ).to.deep.equal(texts);
    expect(parsed).to.equal(1);
  });
});
