import { expect } from 'chai';
import fc from 'fast-check';
import { RE2JS } from 're2js';
import { literalMatches } from '../../../src/envoy/cost-lua/pattern.ts';
import { luaString } from '../../../src/envoy/cost-lua/text.ts';
import { type CostLua, emitCostLua } from '../../../src/envoy/cost-lua.ts';
import { compileCost } from '../../../src/lib/cel.ts';

function emitted(expression: string): CostLua {
  const compiled = compileCost(expression);
  if (!compiled.ok) throw new Error(compiled.message);
  return emitCostLua(compiled.cost.ast);
}

function lua(expression: string): string {
  const result = emitted(expression);
  if (!result.ok) throw new Error(result.message);
  return result.lua;
}

describe('emitCostLua', () => {
  it('gives a chunk with the helpers it needs and no others', () => {
    expect(lua('input_tokens + output_tokens * 6u')).to.equal(`local function cu(r)
if r < 9007199254740992 and r >= 0 then return r end
error("unsigned integer overflow", 0)
end
local K = {}
local function cost(counts, model, backend, route_name)
return cu(counts.input + cu(counts.output * 6))
end
return function(counts, model, backend, route_name)
local ok, value = pcall(cost, counts, model, backend, route_name)
if not ok then return nil, value end
if value < 0 then return nil, "the result is negative (" .. string.format("%.0f", value) .. ")" end
return value
end
`);
  });

  it('builds a price list once, when the chunk is loaded', () => {
    const text = lua("model in ['a', 'b'] ? {'a': 3u, 'b': 5u}[model] * input_tokens : input_tokens");
    expect(text).to.contain('K[1] = ({n = 2, "a", "b"})\nK[2] = map(2, {"a", "b"}, {3, 5})\n');
    expect(text).to.contain('return (has(K[1], model) and cu(key(K[2], model) * counts.input) or counts.input)');
  });

  it('turns a regular expression of literals into plain finds', () => {
    expect(lua("model.matches('^(gpt|o1)-') ? 2u : 1u")).to.contain('starts(s, "gpt-") or starts(s, "o1-")');
  });

  it('refuses what has no exact counterpart, with the place', () => {
    const regex = "model.matches('gpt-[45]') ? 2u : 1u";
    expect(emitted(regex)).to.include({ ok: false, position: 5 });
    expect(emitted('[1, 2u][0]')).to.include({ message: 'values of dynamic or mixed types cannot run in Envoy' });
    expect(emitted('9007199254740992u')).to.include({ message: 'numbers of 2^53 and more cannot run in Envoy' });
    expect(emitted('size(string(0.1))')).to.include({ message: 'string() of a double cannot run in Envoy' });
    expect(emitted("size(b'a')")).to.include({ message: 'values of type bytes cannot run in Envoy' });
    expect(emitted('size({0.5: 1})')).to.include({ message: 'maps with keys of type double cannot run in Envoy' });
    const deep = `${'int(input_tokens) + ('.repeat(70)}1${')'.repeat(70)}`;
    expect(emitted(deep)).to.include({ message: 'the expression is nested too deeply to run in Envoy' });
  });

  it('lets no text of the expression into the chunk as code', () => {
    const literal = (text: string): string => JSON.stringify(text);
    const nasty = fc.oneof(
      fc.string({ unit: 'grapheme' }),
      fc.constantFrom(...['"]] os.exit() --[["', '\\', '"', '\n', '\\"..x.."', ']]', '\0', '${x}', '%s', '--', "']'"]),
    );
    fc.assert(
      fc.property(nasty, (text) => {
        const quoted = luaString(text);
        const chunk = lua(
          `model == ${literal(text)} && backend.startsWith(${literal(text)}) ? {${literal(text)}: 1u}[${literal(text)}] : 2u`,
        );
        const blank = lua('model == "#" && backend.startsWith("#") ? {"#": 1u}["#"] : 2u');
        // A text that the chunk has of its own, such as ")", says nothing.
        fc.pre(!blank.includes(quoted));
        expect(chunk.replaceAll(quoted, '"#"')).to.equal(blank);
      }),
    );
  });
});

describe('luaString', () => {
  it('writes ASCII in which nothing ends the literal', () => {
    expect(luaString('gpt-4')).to.equal('"gpt-4"');
    expect(luaString('a"b\\c\n\0é[[')).to.equal('"a\\034b\\092c\\010\\000\\195\\169\\091\\091"');
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), (text) => {
        expect(luaString(text)).to.match(/^"(?:[A-Za-z0-9 ._\-/:,;=+*@#|<>()]|\\\d{3})*"$/);
      }),
    );
  });
});

describe('literalMatches', () => {
  it('agrees with RE2 wherever it takes a pattern', () => {
    const pieces = fc.constantFrom(
      'a',
      'b',
      '-',
      '\\.',
      '.',
      '.*',
      '^',
      '$',
      '|',
      '(',
      ')',
      '(?:',
      '(?i)',
      '+',
      '?',
      '\\d',
      '[a]',
      '\\$',
      'é',
    );
    const patterns = fc.array(pieces, { maxLength: 8 }).map((parts) => parts.join(''));
    const texts = fc
      .array(fc.constantFrom('a', 'b', '-', '.', '$', '\n', 'é'), { maxLength: 6 })
      .map((parts) => parts.join(''));
    let taken = 0;
    fc.assert(
      fc.property(patterns, fc.array(texts, { minLength: 12, maxLength: 12 }), (pattern, values) => {
        const ways = literalMatches(pattern);
        if (ways === undefined) return;
        taken++;
        for (const value of values) {
          const found = ways.some(({ start, literal, end }) => {
            if (start && end) return value === literal;
            if (start) return value.startsWith(literal);
            return end ? value.endsWith(literal) : value.includes(literal);
          });
          expect(found, `${pattern} on ${JSON.stringify(value)}`).to.equal(
            RE2JS.compile(pattern).matcher(value).find(),
          );
        }
      }),
      { numRuns: 3_000 },
    );
    expect(taken).to.be.greaterThan(300);
  });

  it('refuses a pattern with too many alternatives', () => {
    expect(literalMatches('(a|b)'.repeat(8))).to.have.length(256);
    expect(literalMatches('(a|b)'.repeat(9))).to.equal(undefined);
  });
});
