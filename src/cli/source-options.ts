import { isAbsolute, join } from 'node:path';
import { type Command, InvalidArgumentError } from 'commander';
import type { EndpointPrefixes } from '../ir/index.ts';
import { GatewayError } from '../lib/errors.ts';
import { parseQuantity } from '../lib/units.ts';
import type { TranslateOptions } from '../policy/index.ts';
import type { CliIo } from './io.ts';

/** Values of the flags that `addSourceOptions` adds. */
export interface SourceFlags {
  readonly filename?: readonly string[];
  readonly strict?: boolean;
  readonly ignoreUnknown?: boolean;
}

/** Values of the flags that `addPolicyOptions` adds. */
export interface PolicyFlags {
  readonly endpointPrefixes?: Partial<EndpointPrefixes>;
  readonly maxRequestBody?: number;
  readonly controllerName?: string;
}

const FAMILIES: readonly string[] = ['openai', 'cohere', 'anthropic'];

/** Commander's way of collecting a flag that may be repeated. */
export function collect(value: string, previous: readonly string[] | undefined): string[] {
  return [...(previous ?? []), value];
}

/** `SOURCE...`, `-f`, and how to read them. */
export function addSourceOptions(command: Command): Command {
  return addSourceFlags(
    command.argument('[source...]', 'files, directories (read recursively), or - for standard input'),
  );
}

/** `addSourceOptions` without the arguments. */
export function addSourceFlags(command: Command): Command {
  return command
    .option('-f, --filename <source>', 'a source, the same as the argument; repeatable', collect)
    .option('--strict', 'every error refuses all of the input, instead of isolating its object')
    .option('--ignore-unknown', 'unknown fields are warnings');
}

/** What holds for all gateways. */
export function addPolicyOptions(command: Command): Command {
  return command
    .option(
      '--endpoint-prefixes <list>',
      'path prefix of each API (default: "openai:/,cohere:/cohere,anthropic:/anthropic")',
      parsePrefixes,
    )
    .option('--max-request-body <size>', 'larger request bodies get 413 (default: 32Mi)', parseSize)
    .option('--controller-name <name>', 'controllerName of the GatewayClasses to serve');
}

/** What the flags say, and the defaults where they say nothing. */
export function policyOptionsOf(flags: PolicyFlags, defaults: TranslateOptions): TranslateOptions {
  return {
    controllerName: flags.controllerName ?? defaults.controllerName,
    endpointPrefixes: { ...defaults.endpointPrefixes, ...flags.endpointPrefixes },
    maxRequestBodyBytes: flags.maxRequestBody ?? defaults.maxRequestBodyBytes,
  };
}

/**
 * The sources that a command line names, as paths from the working directory of the process.
 * Errors: GatewayError `usage` where it names none.
 */
export function sourcePaths(sources: readonly string[], flags: SourceFlags, io: CliIo): string[] {
  const paths = [...sources, ...(flags.filename ?? [])];
  if (paths.length === 0)
    throw new GatewayError('usage', 'no source: name a file, a directory, or - for standard input');
  return paths.map((path) => pathFrom(io, path));
}

/** A path as the user gave it, resolved where the command does not run in the process's own directory. */
export function pathFrom(io: CliIo, path: string): string {
  return path === '-' || isAbsolute(path) || io.cwd === process.cwd() ? path : join(io.cwd, path);
}

function parsePrefixes(text: string): Partial<EndpointPrefixes> {
  const prefixes: Record<string, string> = {};
  for (const part of text.split(',')) {
    const [name = '', path = ''] = part.split(/:(.*)/s).map((word) => word.trim());
    if (!FAMILIES.includes(name) || path === '' || !/^(\/[\w.~-]+)*\/?$/.test(path)) {
      throw new InvalidArgumentError(`"${part}" is not one of openai:/PATH, cohere:/PATH, anthropic:/PATH.`);
    }
    prefixes[name] = path.replace(/\/$/, '');
  }
  return prefixes;
}

function parseSize(text: string): number {
  const bytes = parseQuantity(text);
  if (bytes === undefined || !Number.isInteger(bytes) || bytes < 1 || bytes >= 2 ** 32) {
    throw new InvalidArgumentError('It must be a size below 4Gi, such as 64Mi.');
  }
  return bytes;
}
