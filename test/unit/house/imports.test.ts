import { basename } from 'node:path';
import { expect } from 'chai';
import { objectionTo, roomOf } from './rooms.ts';
import { findCycle, type Import, importsOf, readSources } from './source-files.ts';

const sources = readSources('src');
const imports = sources.flatMap(importsOf);
/** A file longer than this says at its top why it is one piece. */
const LONG_FILE_LINES = 250;

function local(from: string, target: string): Import {
  return { from, target, isLocal: true, isLazy: false };
}

describe('house: the files of src', () => {
  it('import only the rooms that theirs may import', () => {
    expect(imports.length).to.be.greaterThan(0);
    expect(imports.flatMap((one) => objectionTo(one) ?? [])).to.deep.equal([]);
  });

  it('do not import each other in a circle', () => {
    expect(findCycle(imports)?.join(' -> ')).to.equal(undefined);
  });

  it('import files that exist', () => {
    const paths = new Set(sources.map((file) => file.path));
    const missing = imports.filter((one) => one.isLocal && one.target.endsWith('.ts') && !paths.has(one.target));
    expect(missing.map((one) => `${one.from}: ${one.target}`)).to.deep.equal([]);
  });

  it('have kebab-case names', () => {
    const all = [...sources, ...readSources('test'), ...readSources('scripts')];
    const odd = all.filter((file) => !/^[a-z0-9]+(-[a-z0-9]+)*(\.(gen|test))?\.ts$/.test(basename(file.path)));
    expect(odd.map((file) => file.path)).to.deep.equal([]);
  });

  it('export nothing by default', () => {
    const found = sources.filter((file) => /^export\s+(default\b|\{[^}]*\bas default\b)/m.test(file.text));
    expect(found.map((file) => file.path)).to.deep.equal([]);
  });

  it('say at their top why they are one piece when they are long', () => {
    const long = sources.filter((file) => {
      if (file.path.endsWith('.gen.ts')) return false;
      return file.text.split('\n').length > LONG_FILE_LINES && !/^(#!.*\n)?\/[*/]/.test(file.text);
    });
    expect(long.map((file) => file.path)).to.deep.equal([]);
  });

  it('stand in rooms whose index.ts tells what comes in and goes out', () => {
    // lib is a shelf of single things, and cli is entered through main.ts.
    const rooms = new Set(sources.map((file) => roomOf(file.path)).filter((room) => !['lib', 'cli'].includes(room)));
    const silent = [...rooms].filter((room) => {
      const index = sources.find((file) => file.path === `src/${room}/index.ts`);
      const comment = /^\/\*\*\n((?: \*.*\n)+?) \*\/\n/.exec(index?.text ?? '')?.[1];
      const lines = comment?.trimEnd().split('\n').length ?? 0;
      return lines < 3 || lines > 6;
    });
    expect(silent).to.deep.equal([]);
  });
});

describe('house: the rules', () => {
  it('read every form of import', () => {
    const text = [
      "import { a } from './a.ts';",
      'import {\n  b,\n  type C,\n} from "../lib/b.ts";',
      "import './side-effect.ts';",
      "export * from './e.ts';",
      "export { type F } from './f.ts';",
      "const lazy = await import('@kubernetes/client-node/dist/x.js');",
      "export const text = 'from';",
      "// a comment on import './no.ts'",
    ].join('\n');
    const found = importsOf({ path: 'src/xds/x.ts', text });
    expect(found.map((one) => one.target)).to.deep.equal([
      'src/xds/a.ts',
      'src/lib/b.ts',
      'src/xds/side-effect.ts',
      'src/xds/e.ts',
      'src/xds/f.ts',
      '@kubernetes/client-node',
    ]);
    expect(found.map((one) => one.isLazy)).to.deep.equal([false, false, false, false, false, true]);
  });

  it('object to imports against the direction', () => {
    const wrong = [
      local('src/lib/a.ts', 'src/ir/index.ts'),
      local('src/xds/a.ts', 'src/envoy/cluster.ts'),
      local('src/policy/a.ts', 'src/envoy/schema/index.ts'),
      local('src/envoy/schema/a.ts', 'src/envoy/cluster.ts'),
      local('src/admin/a.ts', 'src/cli/main.ts'),
      local('src/xds/a.ts', 'src/admin/index.ts'),
      local('src/envoy/a.ts', 'src/providers/openai/translate-anthropic.ts'),
      local('src/attic/a.ts', 'src/lib/hash.ts'),
      local('src/lib/a.ts', 'test/support/until.ts'),
      { from: 'src/sources/a.ts', target: '@kubernetes/client-node', isLocal: false, isLazy: false },
    ];
    expect(wrong.filter((one) => objectionTo(one) === undefined)).to.deep.equal([]);
    const right = [
      local('src/lib/a.ts', 'src/lib/b.ts'),
      local('src/xds/a.ts', 'src/envoy/schema/index.ts'),
      local('src/envoy/a.ts', 'src/envoy/schema/index.ts'),
      local('src/cli/a.ts', 'src/admin/index.ts'),
      local('src/processor/a.ts', 'src/providers/openai/translate-anthropic.ts'),
      { from: 'src/sources/a.ts', target: '@kubernetes/client-node', isLocal: false, isLazy: true },
    ];
    expect(right.flatMap((one) => objectionTo(one) ?? [])).to.deep.equal([]);
  });

  it('see a circle', () => {
    const circle = [local('a.ts', 'b.ts'), local('b.ts', 'c.ts'), local('c.ts', 'b.ts')];
    expect(findCycle(circle)).to.deep.equal(['b.ts', 'c.ts', 'b.ts']);
    expect(findCycle(circle.slice(0, 2))).to.equal(undefined);
  });
});
