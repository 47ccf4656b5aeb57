import { expect } from 'chai';
import type { FieldPath } from '../../../src/lib/findings.ts';
import { parseYaml } from '../../../src/sources/yaml.ts';

function parsedValue(text: string, env: Record<string, string> = {}): unknown {
  const { documents, findings } = parseYaml('f.yaml', text, env);
  expect(findings).to.deep.equal([]);
  return documents[0]?.value;
}

function problems(text: string, env: Record<string, string> = {}): string[] {
  return parseYaml('f.yaml', text, env).findings.map(
    ({ code, level, place }) => `${code} ${level} ${place?.line}:${place?.column}`,
  );
}

describe('parseYaml', () => {
  it('reads values as kubectl does', () => {
    const text =
      'a: yes\nb: no\nc: on\nd: OFF\ne: "yes"\nf: 22:22\ng: 2024-01-01\nh: ~\ni: 1.5\nj: 0x10\nk: y\non: 1\n';
    expect(parsedValue(text)).to.deep.equal({
      a: true,
      b: false,
      c: true,
      d: false,
      e: 'yes',
      f: '22:22',
      g: '2024-01-01',
      h: null,
      i: 1.5,
      j: 16,
      k: true,
      true: 1,
    });
  });

  it('reads merges and aliases as copies', () => {
    const value = parsedValue('base: &b {x: 1, z: [1]}\none:\n  <<: *b\n  x: 2\ntwo: *b\n') as Record<string, unknown>;
    expect(value).to.deep.equal({ base: { x: 1, z: [1] }, one: { x: 2, z: [1] }, two: { x: 1, z: [1] } });
    expect(value.two).not.to.equal(value.base);
  });

  it('finds fields, missing ones at their nearest parent, through aliases and merges', () => {
    const text = 'a:\n  b:\n    - c: 1\n      d: "x"\n    - e\nf: &f\n  g: 2\nh: *f\ni:\n  <<: *f\nj:\n  k:\n';
    const locate = parseYaml('f.yaml', text, {}).documents[0]?.locate;
    const at = (...path: FieldPath): string => {
      const place = locate?.(path);
      return `${place?.line}:${place?.column}`;
    };
    expect(at()).to.equal('1:1');
    expect(at('a')).to.equal('1:1');
    expect(at('a', 'b')).to.equal('2:3');
    expect(at('a', 'b', 0)).to.equal('3:7');
    expect(at('a', 'b', 0, 'c')).to.equal('3:10');
    expect(at('a', 'b', 0, 'd')).to.equal('4:10');
    expect(at('a', 'b', 1)).to.equal('5:7');
    expect(at('a', 'b', 7, 'x')).to.equal('2:3');
    expect(at('a', 'b', 0, 'missing', 3)).to.equal('3:7');
    expect(at('h', 'g')).to.equal('7:6');
    expect(at('i', 'g')).to.equal('7:6');
    expect(at('j', 'k')).to.equal('12:3');
    expect(at('nothing')).to.equal('1:1');
  });

  it('counts lines over all documents', () => {
    const { documents } = parseYaml('f.yaml', 'a: 1\n---\n\nb: 1\n---\nc: 1\n', {});
    expect(documents.map(({ locate }) => locate([])?.line)).to.deep.equal([1, 4, 6]);
  });

  it('refuses what is not YAML, with the place and without a quote', () => {
    const texts: [string, string][] = [
      ['a: [1, 2\nb: 3\n', 'HG0102 error 2:1'],
      ['a: 1\na: 2\n', 'HG0102 error 2:1'],
      ['a: "hush\n', 'HG0102 error'],
      ['a: b: hush\n', 'HG0102 error 1:4'],
      ['a: *hush\n', 'HG0102 error 1:1'],
      ['a: "\\q hush"\n', 'HG0102 error'],
      ['a: | hush\n b\n', 'HG0102 error 1:6'],
      ['a:\n\tb: 1\n', 'HG0102 error 2:1'],
      ['? {a: hush}\n: 1\n', 'HG0102 error 1:1'],
      ['a: .nan\n', 'HG0102 error 1:4'],
      ['%YAML hush\n', 'HG0102'],
    ];
    for (const [text, expected] of texts) {
      expect(problems(text).join(), text).to.contain(expected);
      expect(JSON.stringify(parseYaml('f.yaml', text, {})), text).not.to.contain('hush');
    }
    expect(problems('a: !thing 1\n')).to.deep.equal(['HG0102 warning 1:4']);
    expect(problems('{{- if .Values.x }}\na: 1\n')[0]).to.match(/^HG0102 error 1:/);
    expect(problems('__proto__: {a: 1}\n')).to.deep.equal(['HG0102 error 1:1']);
  });

  it('refuses aliases and nesting made to exhaust memory', () => {
    const laughs = ['a0: &a0 [x, x, x, x, x, x, x, x, x, x]'];
    for (let i = 1; i < 9; i += 1)
      laughs.push(
        `a${i}: &a${i} [${Array(10)
          .fill(`*a${i - 1}`)
          .join(', ')}]`,
      );
    expect(problems(`${laughs.join('\n')}\n`)).to.deep.equal(['HG0102 error 1:1']);
    expect(problems('a: &a [*a]\n')).to.deep.equal(['HG0102 error 1:1']);
    expect(problems('['.repeat(200) + ']'.repeat(200))).to.deep.equal(['HG0102 error 1:1']);
    expect(problems('['.repeat(20_000))[0]).to.match(/^HG0102 error/);
  });

  describe('variables', () => {
    const env = { HOST: 'a.example', PORT: '8080', KEY: 'k: {v: 1}', HASH: 'a # b', NO: 'no', EMPTY: '', TEXT: 'x\ny' };

    it('are replaced in values, with defaults', () => {
      const text =
        'a: http://${HOST}:${PORT}/\nb: ${NONE:=fall back}\nc: ${EMPTY:=x}\nd: ${HOST:=x}\ne: ${NONE:=}\nf: ${NONE:-z}\n';
      const expected = { a: 'http://a.example:8080/', b: 'fall back', c: 'x', d: 'a.example', e: '', f: 'z' };
      expect(parsedValue(text, env)).to.deep.equal(expected);
    });

    it('take their type from the value where they are the whole plain scalar', () => {
      const text = 'a: ${PORT}\nb: "${PORT}"\nc: ${PORT}0\nd: ${NO}\ne: ${NONE:=7}\nf: !!str ${PORT}\ng: ${EMPTY}\n';
      expect(parsedValue(text, env)).to.deep.equal({
        a: 8080,
        b: '8080',
        c: '80800',
        d: false,
        e: 7,
        f: '8080',
        g: '',
      });
    });

    it('cannot bring in structure', () => {
      const text = 'a: ${KEY}\nb: ${HASH}\nc: ["${KEY}", "${TEXT}"]\nd: |\n  ${TEXT}\n';
      const expected = { a: 'k: {v: 1}', b: 'a # b', c: ['k: {v: 1}', 'x\ny'], d: 'x\ny\n' };
      expect(parsedValue(text, env)).to.deep.equal(expected);
    });

    it('must be quoted inside flow collections', () => {
      const [finding] = parseYaml('f.yaml', 'a: [${HOST}]\n', env).findings;
      expect(finding).to.include({ code: 'HG0102', hint: 'quote "${NAME}" inside [] and {}' });
    });

    it('are left alone where escaped, in keys, and in other forms', () => {
      const text = 'a: $${HOST}\nb: $HOST\nc: ${a.b}\n"${HOST}": 1\nd: $$${HOST}\ne: ${\n';
      const expected = { a: '${HOST}', b: '$HOST', c: '${a.b}', '${HOST}': 1, d: '$${HOST}', e: '${' };
      expect(parsedValue(text, env)).to.deep.equal(expected);
    });

    it('are refused with their place when unset', () => {
      const { findings } = parseYaml('f.yaml', 'a:\n  - x\n  - "${NONE} ${OTHER}"\n', {});
      expect(findings.map(({ code, message }) => `${code} ${message}`)).to.deep.equal([
        'HG0104 variable NONE is not set and has no default',
        'HG0104 variable OTHER is not set and has no default',
      ]);
      expect(findings[0]?.place).to.deep.equal({ file: 'f.yaml', line: 3, column: 5 });
      expect(findings[0]?.field).to.equal('a[1]');
    });

    it('are refused with their object and field when unset', () => {
      const text = 'kind: Secret\nmetadata: { name: s, namespace: team }\nstringData:\n  api.key: ${NONE}\n';
      const { findings } = parseYaml('f.yaml', text, {});
      expect(findings.map(({ object, field }) => ({ object, field }))).to.deep.equal([
        { object: 'Secret/team/s', field: 'stringData["api.key"]' },
      ]);
    });
  });
});
