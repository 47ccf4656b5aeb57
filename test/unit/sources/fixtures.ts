import { mkdir, mkdtemp, realpath, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { Finding } from '../../../src/lib/findings.ts';
import type { UnknownObject } from '../../../src/resources/index.ts';
import type { Validate } from '../../../src/sources/objects.ts';
import { type ReadOptions, type ReadResult, readSources } from '../../../src/sources/read.ts';

/** Knows every kind but Deployment; `spec.bad` makes an object invalid and is quoted in the finding. */
export const validate: Validate = (raw, locate) => {
  const metadata = { namespace: 'default', ...(raw.metadata as object | undefined) } as UnknownObject['metadata'];
  const object: UnknownObject = { ...raw, metadata: { ...metadata, name: metadata.name ?? '' } };
  const place = locate(['spec', 'bad']);
  const at = place ? { place } : {};
  if (raw.kind === 'Deployment' || raw.kind === 'Kustomization') {
    return { object, valid: false, findings: [{ code: 'HG0110', level: 'warning', message: 'unknown', ...at }] };
  }
  const spec = raw.spec as { bad?: unknown } | undefined;
  if (spec?.bad === undefined) return { object, valid: true, findings: [] };
  const finding: Finding = { code: 'HG0106', level: 'error', message: `${JSON.stringify(raw)} is wrong`, ...at };
  return { object, valid: false, findings: [finding] };
};

export interface Scratch {
  readonly root: string;
  /** A path inside. */
  path(name: string): string;
  write(name: string, text: string): Promise<void>;
  remove(): Promise<void>;
}

export async function createScratch(): Promise<Scratch> {
  const root = await realpath(await mkdtemp(join(tmpdir(), 'headgate-sources-')));
  return {
    root,
    path: (name) => join(root, name),
    async write(name, text) {
      const path = join(root, name);
      await mkdir(dirname(path), { recursive: true });
      await writeFile(path, text);
    },
    remove: () => rm(root, { recursive: true, force: true }),
  };
}

export function read(paths: readonly string[], options: Partial<ReadOptions> = {}): Promise<ReadResult> {
  return readSources(paths, { env: {}, validate, ...options });
}

/** The text of a small object. */
export function backend(name: string, spec = 'host: a.example'): string {
  return `apiVersion: example.com/v1\nkind: Backend\nmetadata:\n  name: ${name}\nspec:\n  ${spec}\n`;
}

export function names(result: ReadResult): string[] {
  if (!result.ok) throw new Error(`refused: ${JSON.stringify(result.findings)}`);
  return result.set.objects.map((object) => object.id.name);
}

export function findingsOf(result: ReadResult): readonly Finding[] {
  return result.ok ? result.set.findings : result.findings;
}

/** `code file:line:column` of each finding, paths below `root` shortened. */
export function codes(result: ReadResult, root = ''): string[] {
  return findingsOf(result).map(({ code, place }) =>
    place ? `${code} ${place.file.replace(`${root}/`, '')}:${place.line}:${place.column}` : code,
  );
}
