import { setFlagsFromString } from 'node:v8';
import { type Command, InvalidArgumentError, Option } from 'commander';
import { GatewayError } from '../../lib/errors.ts';
import { type Address, formatAddress, parseAddress } from '../addresses.ts';
import {
  type AdminPortFlags,
  addServiceAdminOptions,
  checkAdminPort,
  openServiceAdmin,
  type ServiceAdmin,
} from '../admin-port.ts';
import type { CliIo } from '../io.ts';
import { createCliLogger, type LogFlags } from '../log-options.ts';
import { parseDuration } from '../server-options.ts';
import { untilTerminated } from '../signals.ts';
import { addPortOptions, checkPlaintext, checkTlsFlags, type PortFlags } from '../tls-options.ts';
import { watchTls } from '../watched-tls.ts';

interface ProcessorCommandFlags extends LogFlags, PortFlags, AdminPortFlags {
  readonly address?: Address;
  readonly socket?: string;
  readonly maxBody: number;
  readonly maxExchanges: number;
  readonly preStopDelay: number;
  readonly drainTimeout: number;
}

const DEFAULT_ADDRESS: Address = { host: '127.0.0.1', port: 18003 };
const MIB = 1024 * 1024;

export function registerProcessor(program: Command, io: CliIo): void {
  addServiceAdminOptions(
    addPortOptions(program.command('processor'), 'who is on the way reads and changes what is asked and answered'),
    '/healthz, /metrics',
  )
    .description('Translate between the APIs of clients and providers, for Envoys (ext_proc)')
    .addOption(
      new Option('--address <address>', 'where Envoys connect (gRPC; default: 127.0.0.1:18003)').argParser(
        parseAddress,
      ),
    )
    .option('--socket <path>', 'a Unix socket, in the place of --address')
    .addOption(new Option('--max-body <mebibytes>', 'largest body').argParser(parseCount).default(64))
    .addOption(
      new Option('--max-exchanges <number>', 'attempts at once; more get 503').argParser(parseCount).default(4096),
    )
    .addOption(
      new Option('--pre-stop-delay <duration>', 'how long requests are still taken once health says no')
        .argParser(parseDuration)
        .default(1000, '1s'),
    )
    .addOption(
      new Option('--drain-timeout <duration>', 'how long attempts may go on at the end')
        .argParser(parseDuration)
        .default(30_000, '30s'),
    )
    .addHelpText(
      'after',
      `
It has no configuration: Envoy tells it of each attempt, so any number may serve one fleet.

Examples:
  headgate processor
  headgate processor --socket /run/headgate/processor.sock
  headgate processor --address 0.0.0.0:18003 --tls-cert tls.crt --tls-key tls.key --tls-client-ca ca.crt`,
    )
    .action((flags: ProcessorCommandFlags, command: Command) =>
      runProcessor({ ...command.optsWithGlobals<ProcessorCommandFlags>(), ...flags }, io),
    );
}

function parseCount(text: string): number {
  const count = Number(text);
  if (!Number.isInteger(count) || count < 1 || count > 1_000_000)
    throw new InvalidArgumentError('It must be a number.');
  return count;
}

async function runProcessor(flags: ProcessorCommandFlags, io: CliIo): Promise<void> {
  checkFlags(flags);
  const [{ createProcessor, startProcessorHttp }, { createTranslation }] = await Promise.all([
    import('../../processor/index.ts'),
    import('../../providers/translations.ts'),
  ]);
  const logger = await createCliLogger(io, flags);
  // Bodies count as heap, which is small without them: by default all of it is searched after a dozen large ones.
  setFlagsFromString('--heap-growing-percent=300');
  const terminated = untilTerminated();
  const tls = await watchTls(flags, logger);
  const processor = createProcessor({
    createTranslation,
    logger,
    maxBodyBytes: flags.maxBody * MIB,
    maxExchanges: flags.maxExchanges,
    ...(tls && { tls: tls.current }),
  });
  tls?.onChange(processor.replaceTls);
  const at = flags.socket === undefined ? (flags.address ?? DEFAULT_ADDRESS) : { path: flags.socket };
  let http: ServiceAdmin | undefined;
  let drain: readonly [drainMs: number, graceMs: number] = [0, 0];
  try {
    const bound = await processor.listen(at);
    http = await openServiceAdmin(flags, logger, (...at) => startProcessorHttp(processor, ...at));
    const address = 'path' in bound ? bound.path : formatAddress(bound);
    logger.info({ address, ...(http && { admin: http.port }) }, 'processor listening');
    processor.warmUp();
    const signal = await terminated;
    logger.info({ signal }, 'draining');
    drain = [flags.drainTimeout, flags.preStopDelay];
  } finally {
    // What still listens would keep the process alive.
    await processor.close(...drain);
    tls?.close();
    await http?.close();
  }
}

/** Errors: GatewayError `usage`. */
function checkFlags(flags: ProcessorCommandFlags): void {
  const { address, socket } = flags;
  const usage = (message: string): GatewayError => new GatewayError('usage', message);
  if (address && socket !== undefined) throw usage('--address and --socket exclude each other');
  checkTlsFlags(flags);
  checkAdminPort(flags);
  if (flags.tlsCert !== undefined && socket !== undefined) throw usage('a Unix socket has no TLS');
  const what = 'what is translated there are prompts and answers';
  if (address) checkPlaintext(flags, { flag: '--address', address, what });
}
