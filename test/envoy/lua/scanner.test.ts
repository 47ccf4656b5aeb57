import { expect } from 'chai';
import fc from 'fast-check';
import { duplicateKeys } from '../../fakes/strict-json.ts';
import { request } from '../../support/index.ts';
import { startGateway, type TestGateway } from './gateway.ts';

/**
 * The scanner's verdict on many texts in one request: the body is `LENGTH\n` and a text, again and again; the answer
 * has one line a text. `ok` is followed by the positions (0-based, end exclusive) of the values of the top level.
 */
const TEXTS_IN_ONE_REQUEST = `
local on_request = envoy_on_request
-- The usage of a stream that comes in three pieces, cut at any two places; returns how often it came out different.
local function differences(text)
  local function read(i, j)
    local pieces = { string.sub(text, 1, i), string.sub(text, i + 1, j), string.sub(text, j + 1) }
    local at, usage = 0, {}
    watch_stream({
      timestamp = function() return 1 end,
      bodyChunks = function()
        return function()
          at = at + 1
          local piece = pieces[at]
          return piece and { length = function() return #piece end, getBytes = function() return piece end }
        end
      end,
    }, usage)
    return string.format('%s %s %s', tostring(usage.model), tostring(usage.input), tostring(usage.output))
  end
  local whole, different = read(0, 0), 0
  for i = 0, #text do
    for j = i, #text do
      if read(i, j) ~= whole then different = different + 1 end
    end
  end
  return whole .. ' ' .. different
end
local function verdict(text)
  local asked, wrong = read_json(text)
  local members = scan_object(text)
  if not members then return 'bad' end
  if wrong and string.find(wrong, 'twice', 1, true) then return 'twice' end
  local places = {}
  for i = 1, #members do places[i] = (members[i][3] - 1) .. '-' .. members[i][4] end
  return 'ok ' .. table.concat(places, ' ')
end
function envoy_on_request(handle)
  if handle:headers():get(':path') ~= '/scan' then return on_request(handle) end
  local body = handle:body(true)
  local text = body:getBytes(0, body:length())
  if handle:headers():get('x-events') then return handle:respond({ [':status'] = '200' }, differences(text)) end
  local lines, at = {}, 1
  while at <= #text do
    local e = string.find(text, '\\n', at, true)
    local size = tonumber(string.sub(text, at, e - 1))
    lines[#lines + 1] = verdict(string.sub(text, e + 1, e + size))
    at = e + 1 + size
  end
  handle:respond({ [':status'] = '200' }, table.concat(lines, '\\n'))
end
`;

/** What JSON.parse says. Shape: `values` are the values of the top level in order of appearance. */
function expected(text: string): { verdict: 'ok' | 'bad' | 'twice'; object?: Record<string, unknown> } {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return { verdict: 'bad' };
    if (duplicateKeys(text).some((path) => Object.hasOwn(value, path))) return { verdict: 'twice' };
    return { verdict: 'ok', object: value as Record<string, unknown> };
  } catch {
    return { verdict: 'bad' };
  }
}

const TOKENS = [
  ...[
    '{',
    '}',
    '[',
    ']',
    ',',
    ':',
    ' ',
    '\n',
    '\t',
    '\r',
    '"',
    '\\',
    '"a"',
    '"b":',
    '"model":"m"',
    '"',
    '{}',
    '[]',
    '{"a":1}',
  ],
  ...[
    'true',
    'false',
    'null',
    'tru',
    'nul',
    '0',
    '-0',
    '1',
    '-',
    '12.5',
    '1e5',
    '1E+2',
    '1e-',
    '.5',
    '01',
    '1.',
    '+1',
    'NaN',
    '9007199254740993',
  ],
  ...[
    '\\u0041',
    '\\ud83d\\ude00',
    '\\ud83d',
    '\\u12',
    '\\n',
    '\\/',
    '\\x',
    '\u0000',
    '\u001f',
    '\u007f',
    '\u00a0',
    'é',
    '😀',
    '/**/',
    "'a'",
    '\ufeff',
    '\v',
    '\f',
  ],
];

/** Valid JSON in unusual spelling: blanks, escapes, numbers. */
function spelled(value: fc.JsonValue, seed: number): string {
  let n = seed >>> 0;
  const next = (bound: number): number => {
    n = (Math.imul(n, 1_664_525) + 1_013_904_223) >>> 0;
    return (n >>> 8) % bound;
  };
  const blank = (): string => ['', '', '', ' ', '\n', '\r\n', '\t '][next(7)] ?? '';
  const text = (plain: string): string =>
    `"${[...plain].map((c) => (next(4) === 0 || c < ' ' || c === '"' || c === '\\' ? escaped(c) : c)).join('')}"`;
  const escaped = (c: string): string =>
    [...c.split('')].map((unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`).join('');
  const write = (one: fc.JsonValue): string => {
    if (Array.isArray(one)) return `[${blank()}${one.map(write).join(`${blank()},${blank()}`)}${blank()}]`;
    if (typeof one === 'string') return text(one);
    if (typeof one !== 'object' || one === null) return JSON.stringify(one);
    const members = Object.entries(one).map(
      ([key, member]) => `${text(key)}${blank()}:${blank()}${write(member ?? null)}`,
    );
    return `{${blank()}${members.join(`${blank()},${blank()}`)}${blank()}}`;
  };
  return blank() + write(value) + blank();
}

const tokens = fc.array(fc.constantFrom(...TOKENS), { maxLength: 12 }).map((list) => list.join(''));
const soup = fc
  .tuple(fc.constantFrom('{', '{"a":', '{"a":1,', '{"a":[', ''), tokens, fc.constantFrom('}', ']}', '"}', ''))
  .map((list) => list.join(''));
const valid = fc
  .tuple(fc.dictionary(fc.string({ unit: 'binary' }), fc.jsonValue()), fc.nat())
  .map(([value, seed]) => spelled(value as fc.JsonValue, seed));
const broken = fc.tuple(valid, fc.nat(), fc.nat(3), fc.constantFrom(...TOKENS)).map(([text, at, cut, token]) => {
  const p = at % (text.length + 1);
  return text.slice(0, p) + token + text.slice(p + cut);
});
/** Strings of every length up to some words of the scanner, with what stands between them alike again and again. */
const word = fc
  .tuple(fc.nat(70), fc.constantFrom('', '', '', '"', '\\', '\n', 'é'))
  .map(([size, more]) => 'w'.repeat(size) + more);
const message = fc.oneof(
  { arbitrary: fc.tuple(word, word).map(([role, content]) => ({ role, content })), weight: 6 },
  fc.tuple(word, word).map(([type, text]) => ({ role: type, content: [{ type: 'text', text }] })),
  fc.array(word, { maxLength: 4 }),
  fc.tuple(word, fc.nat()).map(([name, count]) => ({ content: name, list: [[count]], more: {}, name })),
);
const alike = fc
  .tuple(fc.array(message, { maxLength: 12 }), fc.constantFrom(undefined, 2))
  .map(([messages, indent]) => JSON.stringify({ model: 'm', messages, last: [messages, { messages }] }, null, indent));
const alikeBroken = fc
  .tuple(alike, fc.array(fc.tuple(fc.nat(), fc.constantFrom(...'[]{},:"')), { minLength: 1, maxLength: 3 }))
  .map(([text, swaps]) => swaps.reduce(swapBracket, text));

/** Puts another of JSON's own characters in place of one. */
function swapBracket(text: string, [at, other]: readonly [number, string]): string {
  const places = [...text.matchAll(/[[\]{},:"]/g)].map(({ index }) => index);
  const p = places[at % places.length] ?? 0;
  return text.slice(0, p) + other + text.slice(p + 1);
}

// Lone surrogates cannot travel as UTF-8.
const anyText = fc
  .oneof(valid, broken, soup, tokens, alike, alikeBroken)
  .map((text) => Buffer.from(text).toString('utf8'));

describe('script: JSON scanner', () => {
  let gateway: TestGateway;

  before(async () => {
    gateway = await startGateway({ backends: [], routes: [{ model: 'm' }], append: TEXTS_IN_ONE_REQUEST });
  });
  after(() => gateway?.envoy.stop());

  async function verdicts(texts: readonly string[]): Promise<string[]> {
    const body = Buffer.concat(
      texts.flatMap((text) => [Buffer.from(`${Buffer.byteLength(text)}\n`), Buffer.from(text)]),
    );
    const { status, text } = await request({ port: gateway.port, method: 'POST', path: '/scan', body });
    expect(status, text).to.equal(200);
    return text.split('\n');
  }

  it('accepts what JSON.parse accepts, and finds the same values', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(anyText, { minLength: 40, maxLength: 40 }), async (texts) => {
        const lines = await verdicts(texts);
        for (const [index, text] of texts.entries()) {
          const { verdict, object } = expected(text);
          const [word, ...places] = (lines[index] ?? '').split(' ');
          expect(word, JSON.stringify(text)).to.equal(verdict);
          if (object === undefined) continue;
          const bytes = Buffer.from(text);
          const values = places
            .filter((place) => place !== '')
            .map((place) => place.split('-').map(Number))
            .map(([from, to]) => JSON.stringify(JSON.parse(bytes.subarray(from, to).toString())));
          // An object lists keys that are numbers first, so the order is not compared.
          expect(values.sort()).to.eql(
            Object.values(object)
              .map((value) => JSON.stringify(value))
              .sort(),
          );
        }
      }),
      { numRuns: 150 },
    );
  }).timeout(60_000);

  it('takes what stands between strings for what it was before only where it means the same', async () => {
    const texts = [
      // Closed by a bracket of the other kind, and opened by one.
      '{"a":[["w"],{"key":"v"},{"key":"v"],{"key":"v"}]}',
      '{"a":[["w"],{"key":"v"],{"key":"v"}]}',
      '{"a":[{"k":"w"},["long item","v"},["long item","v"]]}',
      '{"a":{"b":{"d":"w"},"longkey":{"d":"v"},"longkey":{"d":"v"}},"z":[{"d":"w"},"longkey":{"d":"v"}]}',
      // Cut within it, and different in its first, middle and last bytes.
      '{"a":[{"k":"v","content":"v","content":"v","conten',
      '{"a":[{"k":"v","content":"v","content":"v";"content":"v"}]}',
      '{"a":[{"k":"v","content":"v","content":"v","content";"v"}]}',
      '{"a":[{"k":"v","some longer name here":"v","some longer name here":"v","some longe" name here":"v"}]}',
      // The same on the top level, where values are found.
      '{"a":"v","content":"v","b":{"a":"v","content":"v"},"c":"v","d":"v"}',
      '{"a":{"k":"v"},"other":{"k":"v"},"other":{"k":"v"}}',
    ];
    expect((await verdicts(texts)).map((line) => line.split(' ')[0])).to.eql(
      texts.map((text) => expected(text).verdict),
    );
    expect(texts.map((text) => expected(text).verdict)).to.include.members(['ok', 'bad', 'twice']);
  });

  it('reads a stream alike wherever it is cut', async () => {
    const first = '{"model":"m","message":{"usage":{"input_tokens":3}}}';
    const events = (end: string): string =>
      [
        `event: a${end}data: ${first}`,
        ': ping',
        'data: {"usage":null}',
        'data: {"usage":{"output_tokens":5}}',
        'data: [DONE]',
        '',
      ]
        .map((line) => line + end + end)
        .join('');
    for (const end of ['\n', '\r\n', '\r']) {
      const response = await request({
        ...{ port: gateway.port, method: 'POST', path: '/scan', body: events(end), headers: { 'x-events': '1' } },
      });
      expect(response.text, JSON.stringify(end)).to.equal('m 3 5 0');
    }
  });

  it('decides the limits of depth alike at any size', async () => {
    const nested = (depth: number, open: string, close: string): string =>
      `{"a":${open.repeat(depth - 1)}1${close.repeat(depth - 1)}}`;
    const texts = [nested(512, '[', ']'), nested(513, '[', ']'), nested(512, '{"b":', '}'), nested(513, '{"b":', '}')];
    expect((await verdicts(texts)).map((line) => line.split(' ')[0])).to.eql(['ok', 'bad', 'ok', 'bad']);
  });
});
