/** Options of who translates: `serve` is told of a processor, `run` brings its own. */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Command, InvalidArgumentError, Option } from 'commander';
import type { ProcessorTarget } from '../envoy/index.ts';
import { GatewayError } from '../lib/errors.ts';
import type { HealthWatch } from '../lib/http2/watch-health.ts';
import type { Processor } from '../processor/index.ts';
import type { Logger } from '../telemetry/index.ts';
import { parseAddress } from './server-options.ts';

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

/** Tells whether a processor answers. Errors: GatewayError `invalid_input` for a file that cannot be read. */
export async function watchProcessor(
  { address, tls }: ProcessorTarget,
  onChange: (isServing: boolean) => void,
): Promise<HealthWatch> {
  const { watchHealth } = await import('../lib/http2/watch-health.ts');
  const read = (path: string): Promise<Buffer> =>
    readFile(path).catch((caught: unknown) => {
      throw GatewayError.from(caught, 'invalid_input', `${path} cannot be read`);
    });
  const secret = tls && {
    ca: await read(tls.ca),
    ...(tls.cert !== undefined && { cert: await read(tls.cert) }),
    ...(tls.key !== undefined && { key: await read(tls.key) }),
  };
  const at = address.kind === 'unix' ? { path: address.path } : { host: address.host, port: address.port };
  return watchHealth({ address: at, ...(secret && { tls: secret }) }, onChange);
}

/** The processor of `run`: in this process, on a socket that only this user's processes reach. */
export async function startOwnProcessor(
  logger: Logger,
): Promise<{ readonly processor: Processor; readonly target: ProcessorTarget; close(drainMs: number): Promise<void> }> {
  const [{ createProcessor }, { createTranslation }] = await Promise.all([
    import('../processor/index.ts'),
    import('../providers/translations.ts'),
  ]);
  const directory = await mkdtemp(join(tmpdir(), 'headgate-'));
  const path = join(directory, 'processor.sock');
  const processor = createProcessor({ createTranslation, logger: logger.child({ component: 'processor' }) });
  await processor.listen({ path });
  return {
    processor,
    target: { address: { kind: 'unix', path } },
    async close(drainMs) {
      await processor.close(drainMs);
      await rm(directory, { recursive: true, force: true });
    },
  };
}
