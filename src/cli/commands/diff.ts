import type { Command } from 'commander';
import { GatewayError } from '../../lib/errors.ts';
import type { ChangedObject } from '../diff/causes.ts';
import type { Change, DumpedResource } from '../diff/side.ts';
import type { CliIo } from '../io.ts';
import { colorsFor, type OutputFormat, outputOption, writeDocuments } from '../output.ts';
import type { Loaded } from '../pipeline.ts';
import { addPolicyOptions, type PolicyFlags, pathFrom, type SourceFlags } from '../source-options.ts';
import { parsePort } from './bootstrap.ts';
import { parseEnvoyVersion } from './validate.ts';

interface DiffFlags extends SourceFlags, PolicyFlags {
  readonly output: OutputFormat;
  readonly server?: string;
  readonly tokenFile?: string;
  readonly summary?: boolean;
  readonly gateway?: string;
  readonly envoyVersion?: string;
  readonly sentinelPort?: number;
  readonly color?: string;
}

/** Both sides, and what is known of why they differ. */
interface Comparison {
  readonly before: readonly DumpedResource[];
  readonly after: readonly DumpedResource[];
  readonly objects: readonly ChangedObject[];
  readonly causesOf: (change: Change) => readonly string[];
}

const EXAMPLES = `
Compares what Envoys would get. With --server the old side is what a running server has; give the
flags it was started with, since they shape the configuration too. Values of secrets are never
printed, but a change of them is seen. Exits 0 if nothing differs, 1 if something does, 2 on trouble.

Examples:
  headgate diff old/ new/
  headgate diff --server http://127.0.0.1:18001 config/
  git worktree add ../base main && headgate diff ../base/config config/ -o json`;

export function registerDiff(program: Command, io: CliIo): void {
  const command = program
    .command('diff')
    .usage('[options] <old> <new>')
    .argument('<old-and-new...>', 'two sources; with --server the new one alone')
    .description('Show what changes for Envoys between two sources, or between a running server and a source');
  addPolicyOptions(command)
    .option('--server <url>', 'the old side: address of the admin API of a running server')
    .option('--token-file <file>', 'bearer token of that admin API, where it asks for one')
    .option('--summary', 'one line for each resource')
    .option('--gateway <namespace/name>', 'only this Gateway')
    .option('--envoy-version <version>', 'Envoy to compile for (default: the newest known)', parseEnvoyVersion)
    .option('--sentinel-port <port>', 'as the server was started with', parsePort)
    .option('--strict', 'every error refuses a source')
    .option('--ignore-unknown', 'unknown fields are warnings')
    .addOption(outputOption(['table', 'json', 'yaml'], 'table'))
    .addHelpText('after', EXAMPLES)
    .action((sides: string[], _flags: unknown, self: Command) => runDiff(sides, self.optsWithGlobals<DiffFlags>(), io));
}

async function runDiff(sides: readonly string[], flags: DiffFlags, io: CliIo): Promise<void> {
  const comparison = await compare(sides, flags, io);
  if (comparison === undefined) return io.setExitCode(2);
  if (flags.gateway !== undefined && comparison.before.length + comparison.after.length === 0) {
    throw new GatewayError('invalid_input', `no Gateway ${flags.gateway} on either side`);
  }
  const { compareSides } = await import('../diff/side.ts');
  const changes = compareSides(comparison.before, comparison.after);
  if (changes.length > 0) io.setExitCode(1);
  if (flags.output === 'table') await printChanges(changes, comparison, flags, io);
  else await writeDocuments(io, flags.output, [await asDocument(changes, comparison)]);
}

/** Errors: undefined when a source is refused, its findings printed. */
async function compare(sides: readonly string[], flags: DiffFlags, io: CliIo): Promise<Comparison | undefined> {
  const wanted = flags.server === undefined ? 2 : 1;
  if (sides.length !== wanted) {
    const what = wanted === 2 ? 'an old and a new source' : 'one source beside --server';
    throw new GatewayError('usage', `diff wants ${what}, got ${sides.length}`);
  }
  const { loadRevision, refuse } = await import('../pipeline.ts');
  const { changedObjects, createCauseFinder } = await import('../diff/causes.ts');
  const loaded: Extract<Loaded, { ok: true }>[] = [];
  for (const side of sides) {
    const one = await loadRevision([pathFrom(io, side)], flags, io);
    if (!one.ok) {
      refuse(io, flags.output, one.findings);
      return undefined;
    }
    loaded.push(one);
  }
  const [first, last] = [loaded[0], loaded.at(-1)];
  if (first === undefined || last === undefined) throw new GatewayError('usage', 'diff wants a source');
  const after = await compile(last, flags);
  if (flags.server !== undefined) {
    const { resourcesOfServer } = await import('../diff/server.ts');
    const { server, tokenFile } = flags;
    const before = await resourcesOfServer({ server, ...(tokenFile !== undefined && { tokenFile }) }, flags.gateway);
    return { before, after, objects: [], causesOf: createCauseFinder([], []) };
  }
  const objects = changedObjects(first.set.objects, last.set.objects);
  const known = [...first.set.objects, ...last.set.objects];
  return { before: await compile(first, flags), after, objects, causesOf: createCauseFinder(known, objects) };
}

async function compile({ revision }: Extract<Loaded, { ok: true }>, flags: DiffFlags): Promise<DumpedResource[]> {
  const { compileFor } = await import('../pipeline.ts');
  const { DEFAULT_COMPILE_OPTIONS, NEWEST_ENVOY } = await import('../../envoy/index.ts');
  const { configDump } = await import('../../envoy/config-dump.ts');
  const { resourcesOfDump } = await import('../diff/side.ts');
  const { envoyVersion = NEWEST_ENVOY, sentinelPort = DEFAULT_COMPILE_OPTIONS.sentinelPort } = flags;
  return revision.ir.gateways
    .filter(({ key }) => flags.gateway === undefined || key === flags.gateway)
    .flatMap((gateway) => {
      const { resources } = compileFor(revision, gateway, envoyVersion, { ...DEFAULT_COMPILE_OPTIONS, sentinelPort });
      return resourcesOfDump(gateway.key, configDump(resources, { gateway: gateway.key }));
    });
}

async function printChanges(
  changes: readonly Change[],
  { objects, causesOf }: Comparison,
  flags: DiffFlags,
  io: CliIo,
): Promise<void> {
  const { formatHead, formatPatch, paintPatch } = await import('../diff/text.ts');
  const colors = colorsFor(io, flags.color, io.isTTY);
  for (const change of changes) {
    io.stdout.write(`${colors.bold(formatHead(change, causesOf(change)))}\n`);
    if (!flags.summary) io.stdout.write(paintPatch(await formatPatch(change), colors));
  }
  for (const { object, change, place } of objects) {
    io.stderr.write(`${change} in the source: ${object}${place === undefined ? '' : ` (${place})`}\n`);
  }
  const count = (what: Change['change']): number => changes.filter(({ change }) => change === what).length;
  io.stderr.write(`${count('added')} added, ${count('changed')} changed, ${count('removed')} removed\n`);
}

async function asDocument(changes: readonly Change[], { objects, causesOf }: Comparison): Promise<object> {
  const { formatPatch } = await import('../diff/text.ts');
  return {
    same: changes.length === 0,
    changes: await Promise.all(
      changes.map(async (one) => ({
        change: one.change,
        gateway: one.gateway,
        type: one.type,
        name: one.name,
        causes: causesOf(one),
        ...(one.before && { oldVersion: one.before.version }),
        ...(one.after && { newVersion: one.after.version }),
        diff: await formatPatch(one),
      })),
    ),
    sourceObjects: objects,
  };
}
