import { createTwoFilesPatch } from 'diff';
import type { Colors } from '../output.ts';
import { formatYaml } from '../output.ts';
import type { Change } from './side.ts';
import { withoutLongTexts } from './side.ts';

/** A difference as `git diff` would show it, of the resource in YAML. */
export async function formatPatch(change: Change): Promise<string> {
  const [before, after] = await Promise.all([change.before, change.after].map(textOf));
  const [was, is] = [change.before?.version ?? 'none', change.after?.version ?? 'none'];
  const patch = createTwoFilesPatch('before', 'after', before ?? '', after ?? '', was, is, { context: 3 });
  // Without the line of equals signs on top.
  const lines = patch.split('\n').slice(1);
  // A secret that changed looks the same, masked.
  return `${lines.join('\n').trimEnd()}${before === after ? '\n (the values differ, which are not shown)' : ''}\n`;
}

async function textOf(resource: Change['before']): Promise<string> {
  return resource === undefined ? '' : formatYaml(withoutLongTexts(resource.resource));
}

/** `changed default/ai cluster NAME (from Backend/default/openai)`. */
export function formatHead(change: Change, causes: readonly string[]): string {
  const from = causes.length === 0 ? '' : ` (from ${causes.join(', ')})`;
  return `${change.change} ${change.gateway} ${change.type} ${change.name}${from}`;
}

/** Colours of a patch's lines. */
export function paintPatch(patch: string, colors: Colors): string {
  return patch
    .split('\n')
    .map((line) => {
      if (line.startsWith('+')) return colors.green(line);
      if (line.startsWith('-')) return colors.red(line);
      return line.startsWith('@@') ? colors.cyan(line) : line;
    })
    .join('\n');
}
