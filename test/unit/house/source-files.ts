import { readdirSync, readFileSync } from 'node:fs';
import { join, posix, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

/** A file of the project: its path from the project's root and what it says. */
export interface SourceFile {
  readonly path: string;
  readonly text: string;
}

/** One import or re-export: `target` is a path from the project's root, or a package's name. */
export interface Import {
  readonly from: string;
  readonly target: string;
  readonly isLocal: boolean;
  readonly isLazy: boolean;
}

const ROOT = fileURLToPath(new URL('../../..', import.meta.url));

/** All TypeScript files under a folder of the project, sorted by path. */
export function readSources(folder: string): SourceFile[] {
  return readdirSync(join(ROOT, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && /^[^.].*\.ts$/.test(entry.name))
    .map((entry) => join(entry.parentPath, entry.name))
    .sort()
    .map((path) => ({ path: relative(ROOT, path), text: readFileSync(path, 'utf8') }));
}

/** What a file imports, by `import`, `export ... from` and `import()`. */
export function importsOf(file: SourceFile): Import[] {
  const statements = /^(?:import|export)\s(?:[^'";]*?\sfrom\s+)?['"]([^'"]+)['"]/gm;
  const lazy = /\bimport\(\s*['"]([^'"]+)['"]/g;
  const one = (specifier: string, isLazy: boolean): Import => {
    const isLocal = specifier.startsWith('.');
    const target = isLocal ? posix.normalize(posix.join(posix.dirname(file.path), specifier)) : packageOf(specifier);
    return { from: file.path, target, isLocal, isLazy };
  };
  return [
    ...[...file.text.matchAll(statements)].map((match) => one(match[1] ?? '', false)),
    ...[...file.text.matchAll(lazy)].map((match) => one(match[1] ?? '', true)),
  ];
}

function packageOf(specifier: string): string {
  if (specifier.startsWith('node:')) return specifier;
  return specifier
    .split('/')
    .slice(0, specifier.startsWith('@') ? 2 : 1)
    .join('/');
}

/** A cycle among the static imports of files, as the paths along it; `undefined` where there is none. */
export function findCycle(imports: readonly Import[]): string[] | undefined {
  const edges = new Map<string, string[]>();
  for (const { from, target, isLocal, isLazy } of imports) {
    if (isLocal && !isLazy) edges.set(from, [...(edges.get(from) ?? []), target]);
  }
  const done = new Set<string>();
  const visit = (path: string, trail: readonly string[]): string[] | undefined => {
    const at = trail.indexOf(path);
    if (at >= 0) return [...trail.slice(at), path];
    if (done.has(path)) return undefined;
    for (const next of edges.get(path) ?? []) {
      const cycle = visit(next, [...trail, path]);
      if (cycle !== undefined) return cycle;
    }
    done.add(path);
    return undefined;
  };
  for (const path of edges.keys()) {
    const cycle = visit(path, []);
    if (cycle !== undefined) return cycle;
  }
  return undefined;
}
