import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const folders = new Set<string>();
process.once('exit', () => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});

/** A new folder, removed when the process ends. */
export function tempDir(label = 'test'): string {
  const folder = mkdtempSync(join(tmpdir(), `headgate-${label}-`));
  folders.add(folder);
  return folder;
}
