/** Recovers FileDescriptorProtos from generated Go code, where protoc-gen-go keeps them as serialized bytes. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fromBinary } from '@bufbuild/protobuf';
import { type FileDescriptorProto, FileDescriptorProtoSchema } from '@bufbuild/protobuf/wkt';

const ESCAPES: Record<string, number> = { n: 10, t: 9, r: 13, a: 7, b: 8, f: 12, v: 11, '\\': 92, '"': 34, "'": 39 };
const AS_STRING = /_rawDesc = (?:""\s*\+\s*)?((?:"(?:[^"\\\n]|\\.)*"\s*\+?\s*)+)/g;
const AS_BYTES = /_rawDesc = (?:\[\]byte|string\(\[\]byte)\s*\{([^}]*)\}/g;

/** Every file descriptor found below the folders, dependencies first, otherwise by name. */
export function extractDescriptors(dirs: readonly string[]): FileDescriptorProto[] {
  const files = new Map<string, FileDescriptorProto>();
  for (const dir of dirs) {
    for (const path of goFiles(dir))
      for (const file of descriptorsOf(readFileSync(path, 'utf8'))) files.set(file.name, file);
  }
  return inDependencyOrder(files);
}

function goFiles(dir: string): string[] {
  const entries = readdirSync(dir, { withFileTypes: true }).filter(
    (e) => e.name !== 'testdata' && e.name !== 'internal',
  );
  return entries.flatMap((entry) => {
    const path = join(dir, entry.name);
    if (entry.isDirectory()) return goFiles(path);
    return entry.name.endsWith('.pb.go') ? [path] : [];
  });
}

function descriptorsOf(source: string): FileDescriptorProto[] {
  const strings = [...source.matchAll(AS_STRING)].map((m) => {
    const literals = [...(m[1] ?? '').matchAll(/"((?:[^"\\\n]|\\.)*)"/g)];
    return Buffer.concat(literals.map((literal) => unquote(literal[1] ?? '')));
  });
  const bytes = [...source.matchAll(AS_BYTES)].map((m) =>
    Buffer.from(((m[1] ?? '').match(/0x[0-9a-f]+/g) ?? []).map(Number)),
  );
  return [...strings, ...bytes].map((raw) => fromBinary(FileDescriptorProtoSchema, raw));
}

/** The body of an interpreted Go string literal as bytes. */
function unquote(body: string): Buffer {
  const out: number[] = [];
  for (let i = 0; i < body.length; ) {
    if (body[i] !== '\\') {
      const char = String.fromCodePoint(body.codePointAt(i) ?? 0);
      out.push(...Buffer.from(char));
      i += char.length;
      continue;
    }
    const kind = body[i + 1] ?? '';
    const simple = ESCAPES[kind];
    if (simple !== undefined) {
      out.push(simple);
      i += 2;
    } else if (kind === 'x') {
      out.push(Number.parseInt(body.slice(i + 2, i + 4), 16));
      i += 4;
    } else if (kind === 'u' || kind === 'U') {
      const end = i + (kind === 'u' ? 6 : 10);
      out.push(...Buffer.from(String.fromCodePoint(Number.parseInt(body.slice(i + 2, end), 16))));
      i = end;
    } else if (/[0-7]/.test(kind)) {
      out.push(Number.parseInt(body.slice(i + 1, i + 4), 8));
      i += 4;
    } else {
      throw new Error(`unknown escape \\${kind} in a Go string`);
    }
  }
  return Buffer.from(out);
}

function inDependencyOrder(files: ReadonlyMap<string, FileDescriptorProto>): FileDescriptorProto[] {
  const out: FileDescriptorProto[] = [];
  const seen = new Set<string>();
  const visit = (name: string, importer: string): void => {
    if (seen.has(name)) return;
    seen.add(name);
    const file = files.get(name);
    if (file === undefined) throw new Error(`${importer} imports ${name}, which no module holds`);
    for (const dependency of file.dependency) visit(dependency, name);
    out.push(file);
  };
  for (const name of [...files.keys()].sort()) visit(name, name);
  return out;
}
