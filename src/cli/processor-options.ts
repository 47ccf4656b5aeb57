/** Options of who translates for `serve`, which is told of a processor; `run` brings its own (own-processor.ts). */

import { type Command, InvalidArgumentError, Option } from 'commander';
import type { ProcessorTarget } from '../envoy/index.ts';
import { GatewayError } from '../lib/errors.ts';
import type { HealthTls, HealthWatch } from '../lib/http2/watch-health.ts';
import { parseAddress } from './addresses.ts';
import { readBytes } from './watched-files.ts';

export interface ProcessorFlags {
  readonly processor?: ProcessorTarget['address'];
  readonly processorCa?: string;
  readonly processorCert?: string;
  readonly processorKey?: string;
}

export function addProcessorOptions(command: Command): Command {
  return command
    .addOption(
      new Option(
        '--processor <address>',
        'a processor that translates, as Envoys reach it: HOST:PORT or unix:PATH',
      ).argParser(parseTarget),
    )
    .option('--processor-ca <file>', 'TLS to the processor: its authorities (on the hosts of the Envoys and here)')
    .option('--processor-cert <file>', 'certificate for the processor')
    .option('--processor-key <file>', 'key of --processor-cert');
}

function parseTarget(text: string): ProcessorTarget['address'] {
  if (!text.startsWith('unix:')) return { kind: 'tcp', ...parseAddress(text) };
  const path = text.slice('unix:'.length);
  if (!path.startsWith('/')) throw new InvalidArgumentError('It must be unix: and an absolute path.');
  return { kind: 'unix', path };
}

/** Errors: GatewayError `usage` where the flags do not go together. */
export function processorTarget(flags: ProcessorFlags): ProcessorTarget | undefined {
  const { processor: address, processorCa: ca, processorCert: cert, processorKey: key } = flags;
  const usage = (message: string): GatewayError => new GatewayError('usage', message);
  if (!address && (ca ?? cert ?? key) !== undefined)
    throw usage('--processor-ca, -cert and -key belong to --processor');
  if ((cert === undefined) !== (key === undefined)) throw usage('--processor-cert and --processor-key belong together');
  if (cert !== undefined && ca === undefined) throw usage('--processor-cert needs --processor-ca');
  if (ca !== undefined && address?.kind === 'unix') throw usage('a Unix socket has no TLS');
  if (!address) return undefined;
  return {
    address,
    ...(ca !== undefined && { tls: { ca, ...(cert !== undefined && { cert }), ...(key !== undefined && { key }) } }),
  };
}

/** For so long a processor is waited for that says nothing at all. */
const FIRST_WORD_MS = 3000;

/**
 * Tells whether a processor answers: for the first time before this returns, unless it says nothing at all.
 * Errors: GatewayError `invalid_input` for a file that cannot be read.
 */
export async function watchProcessor(
  target: ProcessorTarget,
  onChange: (isServing: boolean) => void,
): Promise<HealthWatch> {
  const { watchHealth } = await import('../lib/http2/watch-health.ts');
  const { address, tls } = target;
  const readTls = tls && ((): Promise<HealthTls> => readProcessorTls(tls));
  // What cannot be read now is a mistake; later it may be on its way.
  await readTls?.();
  const at = address.kind === 'unix' ? { path: address.path } : { host: address.host, port: address.port };
  return new Promise((resolve) => {
    const timer = setTimeout(() => resolve(watch), FIRST_WORD_MS);
    const watch = watchHealth({ address: at, ...(readTls && { tls: readTls }) }, (isServing) => {
      onChange(isServing);
      clearTimeout(timer);
      resolve(watch);
    });
  });
}

/** Errors: GatewayError `invalid_input`. */
async function readProcessorTls({ ca, cert, key }: NonNullable<ProcessorTarget['tls']>): Promise<HealthTls> {
  return {
    ca: await readBytes(ca),
    ...(cert !== undefined && { cert: await readBytes(cert) }),
    ...(key !== undefined && { key: await readBytes(key) }),
  };
}
