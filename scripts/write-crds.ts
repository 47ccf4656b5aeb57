/** Writes config/crd: one file a CustomResourceDefinition. */
import { mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { formatCrds } from '../src/resources/crds.ts';

const folder = fileURLToPath(new URL('../config/crd/', import.meta.url));
mkdirSync(folder, { recursive: true });
const files = formatCrds();
for (const name of readdirSync(folder)) if (!files.has(name)) rmSync(folder + name);
for (const [name, text] of files) writeFileSync(folder + name, text);
