/** Files of limits that are read again when they change; a directory stands for the YAML files in it. */
import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { GatewayError } from '../lib/errors.ts';
import { type LimitsConfig, type LimitsFile, parseLimitsFiles } from '../ratelimit/index.ts';
import type { Logger } from '../telemetry/index.ts';

export interface LimitsFilesOptions {
  readonly paths: readonly string[];
  readonly mergeDomains: boolean;
  readonly logger: Logger;
}

export interface LimitsFiles {
  readonly first: LimitsConfig;
  /** From now on `use` gets what the files come to after each change. */
  watch(use: (config: LimitsConfig) => void): void;
  close(): void;
}

const POLL_MS = 2000;

/** Errors: GatewayError `invalid_input` where the first read fails. */
export async function openLimitsFiles({ paths, mergeDomains, logger }: LimitsFilesOptions): Promise<LimitsFiles> {
  const parse = (files: readonly LimitsFile[]): LimitsConfig => parseLimitsFiles(files, { mergeDomains });
  let files = await readAll(paths);
  const first = parse(files);
  let trouble = '';
  let timer: NodeJS.Timeout | undefined;
  let isReading = false;

  async function look(use: (config: LimitsConfig) => void): Promise<void> {
    const next = await readAll(paths);
    if (JSON.stringify(next) === JSON.stringify(files)) return;
    const config = parse(next);
    use(config);
    files = next;
    trouble = '';
    logger.info({ component: 'ratelimit', files: next.map(({ path }) => path) }, 'the limits have changed');
  }

  return {
    first,
    watch(use) {
      timer = setInterval(() => {
        if (isReading) return;
        isReading = true;
        look(use)
          .catch((caught: unknown) => {
            const { message } = GatewayError.from(caught, 'invalid_input');
            if (message !== trouble)
              logger.warn({ component: 'ratelimit', reason: message }, 'the old limits count on');
            trouble = message;
          })
          .finally(() => {
            isReading = false;
          });
      }, POLL_MS);
    },
    close: () => clearInterval(timer),
  };
}

async function readAll(paths: readonly string[]): Promise<LimitsFile[]> {
  const lists = await Promise.all(paths.map(filesOf));
  return Promise.all(
    lists.flat().map(async (path) => ({ path, text: await read(() => readFile(path, 'utf8'), path) })),
  );
}

async function filesOf(path: string): Promise<string[]> {
  const found = await read(() => stat(path), path);
  if (!found.isDirectory()) return [path];
  const names = await read(() => readdir(path), path);
  return names
    .filter((name) => /\.ya?ml$/.test(name))
    .sort()
    .map((name) => join(path, name));
}

async function read<T>(action: () => Promise<T>, path: string): Promise<T> {
  try {
    return await action();
  } catch (caught) {
    throw GatewayError.from(caught, 'invalid_input', `${path} cannot be read`);
  }
}
