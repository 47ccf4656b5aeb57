import { Option } from 'commander';
import { createColors } from 'picocolors';
import type { Finding } from '../lib/findings.ts';
import type { CliIo } from './io.ts';

export type OutputFormat = 'table' | 'json' | 'yaml';

/** `-o`, with the formats that a command has. Without a default the command chooses by where its output goes. */
export function outputOption(formats: readonly OutputFormat[], byDefault?: OutputFormat): Option {
  const option = new Option('-o, --output <format>', 'format of the result').choices(formats);
  return byDefault === undefined ? option : option.default(byDefault);
}

export function isMachineFormat(format: string | undefined): format is 'json' | 'yaml' {
  return format === 'json' || format === 'yaml';
}

/** Writes values as JSON documents one after the other (jq reads them so), or as YAML documents. */
export async function writeDocuments(io: CliIo, format: 'json' | 'yaml', values: readonly unknown[]): Promise<void> {
  if (format === 'json') {
    for (const value of values) io.stdout.write(`${JSON.stringify(value, null, 2)}\n`);
    return;
  }
  const texts = await Promise.all(values.map(formatYaml));
  io.stdout.write(texts.join('---\n'));
}

/** YAML that does not depend on how values are shared or how long lines are. */
export async function formatYaml(value: unknown): Promise<string> {
  const { stringify } = await import('yaml');
  return stringify(value, { aliasDuplicateObjects: false, lineWidth: 0 });
}

/** Why a command failed, for programs. */
export interface ErrorDocument {
  readonly code: string;
  readonly message: string;
  readonly findings?: readonly Finding[];
}

/** What stands on standard output in place of a result: one document, that no one takes for a result. */
export function writeErrorDocument(io: CliIo, format: 'json' | 'yaml', error: ErrorDocument): void {
  const text = JSON.stringify({ error }, null, format === 'json' ? 2 : 0);
  // JSON is YAML, and what reports an error should not depend on more code.
  io.stdout.write(`${text}\n`);
}

/** Lines up columns; the last one is not padded. */
export function formatTable(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const all = [head, ...rows];
  const widths = head.map((_, column) => Math.max(...all.map((row) => (row[column] ?? '').length)));
  const line = (row: readonly string[]): string =>
    row.map((cell, column) => (column === row.length - 1 ? cell : cell.padEnd(widths[column] ?? 0))).join('  ');
  return all.map((row) => `${line(row).trimEnd()}\n`).join('');
}

export type Colors = ReturnType<typeof createColors>;

/** Colours for one of the two outputs, as `--color`, NO_COLOR and the terminal say. */
export function colorsFor(io: CliIo, when: string | undefined, isTerminal: boolean): Colors {
  const isWanted = when === 'always' || (when !== 'never' && isTerminal && !io.env.NO_COLOR && io.env.TERM !== 'dumb');
  return createColors(isWanted);
}
