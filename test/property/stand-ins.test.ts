import { expect } from 'chai';
import fc from 'fast-check';
import type { EndpointName, ProviderSchema } from '../../src/ir/index.ts';
import { GatewayError } from '../../src/lib/errors.ts';
import { shorten } from '../../src/providers/stand-ins.ts';
import { createTranslation } from '../../src/providers/translations.ts';
import { modelAt, targetsOf } from '../golden/translate-golden.ts';

/** Endpoints that hold conversations, and the member that holds the messages. */
const LISTS = { chat_completions: 'messages', messages: 'messages', responses: 'input' } as const;
type Endpoint = keyof typeof LISTS;

const LOOK_ALIKE = '{"model":"x","messages":[{"role":"user","content":"one"},{"role":"assistant","content":"two"}]}';
const WHITE = [' ', '\n', '\t', '\u00a0', '\u3000', '\ufeff', '\u2028', '\f', '\v', '\u0085'];
const ODD = [
  '\\',
  '"',
  '\\"',
  '\u0000',
  '\u001b[0m',
  '\b',
  '/',
  '\ud83d',
  '\ude00',
  '😀',
  'é',
  '字',
  'な',
  '\u007f',
  '\\u0041',
];
const BIG = '12345678901234567891';

const text = fc.oneof(
  { weight: 8, arbitrary: fc.lorem({ maxCount: 12 }) },
  { weight: 2, arbitrary: fc.string({ unit: 'binary', maxLength: 12 }) },
  {
    weight: 2,
    arbitrary: fc.array(fc.constantFrom(...WHITE, ...ODD, 'word', BIG), { maxLength: 8 }).map((all) => all.join('')),
  },
  fc.constantFrom(
    LOOK_ALIKE,
    JSON.stringify(LOOK_ALIKE),
    '{"role":"user","content":"',
    '"},{"role":"user","content":"',
    'x'.repeat(300),
  ),
);

/** A text as JSON, in one of the ways to write it. */
const written = fc
  .tuple(text, fc.constantFrom('plain', 'plain', 'plain', 'plain', 'ascii', 'upper', 'slashes'))
  .map(([one, way]) => {
    const json = JSON.stringify(one);
    if (way === 'slashes') return json.replaceAll('/', '\\/');
    if (way === 'plain') return json;
    return json.replace(/[^\x20-\x7e]/g, (char) => {
      const digits = char.charCodeAt(0).toString(16).padStart(4, '0');
      return `\\u${way === 'upper' ? digits.toUpperCase() : digits}`;
    });
  });

const words = fc
  .tuple(fc.lorem({ maxCount: 12 }), fc.constantFrom('', '', '', ...WHITE))
  .map((parts) => JSON.stringify(parts.join('')));

/** Ways to write a message, and what stands between two of them. The last one is none of the usual ones. */
const STYLES: readonly (readonly [write: (role: string, json: string) => string, comma: string])[] = [
  [(role, json) => `{"role":"${role}","content":${json}}`, ','],
  [(role, json) => `{"role": "${role}", "content": ${json}}`, ', '],
  [(role, json) => `{"content":${json},"role":"${role}"}`, ','],
  [(role, json) => `{"content": ${json}, "role": "${role}"}`, ', '],
  [(role, json) => `{"role":"${role}","content":[{"type":"text","text":${json}}]}`, ','],
  [(role, json) => `{"role": "${role}", "content": [{"type": "text", "text": ${json}}]}`, ', '],
  [(role, json) => `{ "role":"${role}","content":${json}}`, ',\n'],
];

/** Messages of both sides in turn, most of which are plain. */
const run = fc
  .tuple(
    fc.constantFrom(...STYLES),
    fc.boolean(),
    fc.array(fc.oneof({ weight: 15, arbitrary: words }, written), { minLength: 1, maxLength: 24, size: 'max' }),
  )
  .map(([[write, comma], isUser, texts]) =>
    texts.map((json, i) => write((i % 2 === 0) === isUser ? 'user' : 'assistant', json)).join(comma),
  );

const oddMessage = fc.oneof(
  written.map((json) => `{"role":"system","content":${json}}`),
  written.map((json) => `{"role":"user","content":${json},"name":"ann"}`),
  written.map((json) => `{"role":"user","role":"assistant","content":${json}}`),
  written.map((json) => `{"role":"user","content":"first","content":${json}}`),
  written.map((json) => `{"role":"user","content":[{"type":"text","text":${json}},{"type":"text","text":"more"}]}`),
  written.map(
    (json) => `{"role":"user","content":[{"type":"text","text":${json},"cache_control":{"type":"ephemeral"}}]}`,
  ),
);

/** What is refused. */
const wrongMessage = fc.constantFrom(
  ...[
    '{"role":"user","content":"a\ttab"}',
    '{"role":"user","content":7}',
    '{"role":"nobody","content":"x"}',
    '{"role":"user"}',
    '"text"',
    '{',
  ],
);

/** Some of the texts are too long to be translated with the rest. */
const LONG_TEXTS = [
  'word '.repeat(1300),
  `${'word '.repeat(1300)}end`,
  `${'line\n"quoted"\t'.repeat(450)}end`,
  `{"says":"${'x'.repeat(6000)}","error":1234567}`,
  `${'字é'.repeat(1500)}\u3000`,
  `\u00a0 ${'a'.repeat(6000)}`,
  JSON.stringify({ content: 'y'.repeat(6000), messages: LOOK_ALIKE }),
];
const DATA = 'iVBORw0KGgo'.repeat(600);

/** Messages with them, where they are said, and where they mean something else. */
const WITH_LONG: Readonly<Record<Endpoint, readonly ((json: string) => string)[]>> = {
  chat_completions: [
    (json) => `{"role":"system","content":${json}}`,
    (json) => `{"role": "user", "content": ${json}}`,
    (json) => `{"role":"assistant","content":[{"type":"text","text":${json}}]}`,
    (json) => `{"role":"user","content":[{"type":"text","text":"?"},{"type":"text","text":${json}}]}`,
    (json) =>
      `{"role":"user","content":[{"type":"image_url","image_url":{"url":"data:image/png;base64,${DATA}"}},{"type":"text","text":${json}}]}`,
    () =>
      `{"role":"user","content":[{"type":"file","file":{"filename":"a.txt","file_data":"data:text/plain;base64,${DATA}"}}]}`,
    (json) =>
      `{"role":"assistant","content":null,"tool_calls":[{"id":"c1","type":"function","function":{"name":"f","arguments":${JSON.stringify(`{"content":${json}}`)}}}]},{"role":"tool","tool_call_id":"c1","content":${json}}`,
  ],
  messages: [
    (json) => `{"role":"user","content":[{"type":"text","text":${json}}]}`,
    (json) =>
      `{"role":"assistant","content":[{"type":"thinking","thinking":${json},"signature":"s"},{"type":"text","text":${json}}]}`,
    (json) =>
      `{"role":"assistant","content":[{"type":"tool_use","id":"c1","name":"f","input":{"content":${json}}}]},{"role":"user","content":[{"type":"tool_result","tool_use_id":"c1","content":${json}}]}`,
    (json) =>
      `{"role":"assistant","content":[{"type":"tool_use","id":"c1","name":"f","input":{}}]},{"role":"user","content":[{"type":"tool_result","tool_use_id":"c1","is_error":true,"content":[{"type":"text","text":${json}}]}]}`,
    () =>
      `{"role":"user","content":[{"type":"image","source":{"type":"base64","media_type":"image/png","data":"${DATA}"}}]}`,
    (json) =>
      `{"role":"user","content":[{"type":"document","source":{"type":"text","media_type":"text/plain","data":${json}}}]}`,
  ],
  responses: [
    (json) => `{"role":"developer","content":${json}}`,
    (json) => `{"role":"user","content":[{"type":"input_text","text":${json}}]}`,
    () => `{"role":"user","content":[{"type":"input_image","image_url":"data:image/png;base64,${DATA}"}]}`,
    (json) =>
      `{"type":"function_call","call_id":"c1","name":"f","arguments":"{}"},{"type":"function_call_output","call_id":"c1","output":${json}}`,
  ],
};

function longOf(endpoint: Endpoint): fc.Arbitrary<string> {
  return fc
    .tuple(fc.constantFrom(...WITH_LONG[endpoint]), fc.constantFrom(...LONG_TEXTS), fc.boolean())
    .map(([write, one, isOdd]) => write(JSON.stringify(one).replaceAll('o', isOdd ? '\\u006f' : 'o')));
}

/** Calls of tools, whose arguments and results look like messages. */
const CALLS: Readonly<Record<Endpoint, readonly string[]>> = {
  chat_completions: [
    `{"role":"assistant","tool_calls":[{"id":"c1","type":"function","function":{"name":"f","arguments":${JSON.stringify(LOOK_ALIKE)}}}]},{"role":"tool","tool_call_id":"c1","content":${JSON.stringify(LOOK_ALIKE)}}`,
    '{"role":"assistant","function_call":{"name":"g","arguments":"{}"}},{"role":"function","name":"g","content":"done"}',
  ],
  messages: [
    `{"role":"assistant","content":[{"type":"tool_use","id":"c1","name":"f","input":${LOOK_ALIKE}}]},{"role":"user","content":[{"type":"tool_result","tool_use_id":"c1","content":"done"}]}`,
  ],
  responses: [
    `{"type":"function_call","call_id":"c1","name":"f","arguments":${JSON.stringify(LOOK_ALIKE)}},{"type":"function_call_output","call_id":"c1","output":"done"}`,
  ],
};

const TURNS = Array(12)
  .fill('{"role":"user","content":"one two three"},{"role":"assistant","content":"four five"}')
  .join();
const SCHEMA = `{"type":"object","properties":{"a":{"type":"string"}},"examples":[${TURNS}]}`;
const TOOLS: Readonly<Record<Endpoint, string>> = {
  chat_completions: `{"type":"function","function":{"name":"f","parameters":${SCHEMA}}}`,
  messages: `{"name":"f","input_schema":${SCHEMA}}`,
  responses: `{"type":"function","name":"f","parameters":${SCHEMA}}`,
};

/** Other members, some of which hold what looks like messages. */
function membersOf(endpoint: Endpoint): fc.Arbitrary<string[]> {
  const usual = fc.subarray(['"temperature":0.5', `"seed":${BIG}`, '"stream":true']);
  const misleading = fc.constantFrom(
    `"system":${JSON.stringify(LONG_TEXTS[1])}`,
    `"instructions":${JSON.stringify(LONG_TEXTS[0])}`,
    `"user":"u","text":${JSON.stringify(LONG_TEXTS[0])}`,
    `"metadata":{"role":"user","content":"${'word '.repeat(80)}"}`,
    `"extra":{"messages":[${TURNS}]}`,
    `"safetySettings":[${TURNS}]`,
    `"tools":[${TOOLS[endpoint]}]`,
  );
  return fc
    .tuple(
      usual,
      fc.oneof(
        { weight: 7, arbitrary: fc.constant([]) },
        misleading.map((one) => [one]),
      ),
    )
    .map((both) => both.flat());
}

function bodyOf(endpoint: Endpoint): fc.Arbitrary<string> {
  const said = fc.oneof(
    { weight: 30, arbitrary: run },
    { weight: 10, arbitrary: longOf(endpoint) },
    { weight: 10, arbitrary: oddMessage },
    { weight: 10, arbitrary: fc.constantFrom(...CALLS[endpoint]) },
    { weight: 1, arbitrary: wrongMessage },
  );
  const list = fc
    .array(said, { minLength: 1, maxLength: 4, size: 'max' })
    .map((parts) => `"${LISTS[endpoint]}":[${parts.join()}]`);
  const lists = fc.oneof(
    { weight: 12, arbitrary: list },
    fc.tuple(list, list).map((both) => both.join()),
  );
  const members = membersOf(endpoint);
  return fc
    .tuple(members, lists, members)
    .map(([before, own, after]) => `{${['"model":"MODEL","max_tokens":100', ...before, own, ...after].join()}}`);
}

/** The same JSON in a form in which no message counts as plain, and no text as one that is said. */
function unplain(body: string): string {
  return body
    .replaceAll(/\{"(role|content)/g, '{ "$1')
    .replaceAll(/"(content|text|system|instructions|input|output|data)": ?"/g, '"$1" : "')
    .replaceAll('"data:', '"\\u0064ata:');
}

/** What becomes of a request: what is sent, or what is wrong. */
function translate(endpoint: EndpointName, schema: ProviderSchema, body: Buffer): unknown {
  const provider = { schema };
  const attempt = { endpoint, provider, requestId: 'r1', nowSeconds: 1, unsupported: 'report' } as const;
  try {
    const translated = createTranslation(attempt).request(body);
    return { ...translated, body: Buffer.from(translated.body).toString() };
  } catch (caught) {
    if (!(caught instanceof GatewayError)) throw caught;
    return caught.message;
  }
}

describe('Requests whose plain messages are only stood for', () => {
  for (const endpoint of Object.keys(LISTS) as Endpoint[]) {
    for (const schema of targetsOf(endpoint)) {
      // Claude in a cloud is sent Anthropic's bodies nearly as they come.
      if (endpoint === 'messages' && schema.endsWith('Anthropic')) continue;
      it(`of ${endpoint} are sent to ${schema} as those that are translated as a whole`, () => {
        let shortened = 0;
        fc.assert(
          fc.property(bodyOf(endpoint), (template) => {
            const body = template.replace('MODEL', modelAt(schema));
            expect(shorten(Buffer.from(unplain(body)))).to.equal(undefined);
            const whole = translate(endpoint, schema, Buffer.from(unplain(body)));
            expect(translate(endpoint, schema, Buffer.from(body))).to.deep.equal(whole);
            if (isRestored(endpoint, schema, Buffer.from(body))) shortened += 1;
          }),
          { numRuns: 150 },
        );
        expect(shortened).to.be.greaterThan(40);
      });
    }
  }
});

/** Whether a body goes through the translation with stand-ins. */
function isRestored(endpoint: EndpointName, schema: ProviderSchema, body: Buffer): boolean {
  const short = shorten(body);
  const result = short && translate(endpoint, schema, short.body);
  if (typeof result !== 'object' || result === null || !('body' in result)) return false;
  return short?.restore(Buffer.from(String(result.body))) !== undefined;
}
