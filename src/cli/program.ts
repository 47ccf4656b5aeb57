import { Command, CommanderError, Option } from 'commander';
import { GatewayError, InvariantError } from '../lib/errors.ts';
import { registerBootstrap } from './commands/bootstrap.ts';
import { registerCrds } from './commands/crds.ts';
import { registerDiff } from './commands/diff.ts';
import { registerDump } from './commands/dump.ts';
import { registerExplain } from './commands/explain.ts';
import { registerProcessor } from './commands/processor.ts';
import { registerRateLimit } from './commands/ratelimit.ts';
import { registerRun } from './commands/run.ts';
import { registerServe } from './commands/serve.ts';
import { registerStatus } from './commands/status.ts';
import { registerTranslate } from './commands/translate.ts';
import { registerValidate } from './commands/validate.ts';
import { registerVersion } from './commands/version.ts';
import type { CliIo, ExitCode } from './io.ts';
import { isMachineFormat, writeErrorDocument } from './output.ts';
import { VERSION } from './version.ts';

const DESCRIPTION = 'AI gateway policy (YAML) in, configuration of stock Envoy out (xDS).';

const EXIT_CODES = `
Exit codes: 0 done, 1 the input is invalid, 2 wrong usage, 3 something outside failed.
Results go to standard output, findings and logs to standard error.`;

/** The command line as a tree of commands; each one imports what it needs when it runs. */
function createProgram(io: CliIo): Command {
  const program = new Command('headgate');
  program
    .description(DESCRIPTION)
    .version(VERSION, '-V, --version')
    .addOption(
      new Option('--log-level <level>', 'least level that is logged')
        .choices(['debug', 'info', 'warn', 'error', 'silent'])
        .default('info'),
    )
    .addOption(
      new Option('--log-format <format>', 'default: pretty on a terminal, json elsewhere').choices(['json', 'pretty']),
    )
    .addOption(
      new Option('--color <when>', 'NO_COLOR in the environment means never')
        .choices(['auto', 'always', 'never'])
        .default('auto'),
    )
    .addHelpText('after', EXIT_CODES)
    .exitOverride()
    .configureHelp({ showGlobalOptions: true })
    .configureOutput({
      writeOut: (text) => void io.stdout.write(text),
      writeErr: (text) => void io.stderr.write(text),
      outputError: (text, write) => write(text.replace(/^error: /, 'headgate: ')),
    })
    .showHelpAfterError('(add --help for usage and examples)');
  registerRun(program, io);
  registerServe(program, io);
  registerValidate(program, io);
  registerTranslate(program, io);
  registerDiff(program, io);
  registerExplain(program, io);
  registerBootstrap(program, io);
  registerCrds(program, io);
  registerStatus(program, io);
  registerDump(program, io);
  registerProcessor(program, io);
  registerRateLimit(program, io);
  registerVersion(program, io);
  return program;
}

/**
 * Runs one command line, without the name of the program.
 * Shape: the exit code goes to `io.setExitCode`, unless it is 0; a command that stays (`run`) returns when it has ended.
 */
export async function runCli(args: readonly string[], io: CliIo): Promise<void> {
  const program = createProgram(io);
  let running: Command = program;
  program.hook('preAction', (_program, command) => {
    running = command;
  });
  try {
    await program.parseAsync([...args], { from: 'user' });
  } catch (caught) {
    if (caught instanceof CommanderError) {
      if (caught.exitCode !== 0) io.setExitCode(2);
      return;
    }
    reportFailure(caught, running, io);
  }
}

function reportFailure(caught: unknown, command: Command, io: CliIo): void {
  const { output, logLevel } = command.optsWithGlobals<{ output?: string; logLevel?: string }>();
  const error = caught instanceof GatewayError ? caught : undefined;
  const message = caught instanceof Error ? caught.message : String(caught);
  // Wrong usage has no result, not even one that says so.
  if (isMachineFormat(output) && error?.code !== 'usage')
    writeErrorDocument(io, output, { code: error?.code ?? 'bug', message });
  if (error) {
    io.stderr.write(`headgate: ${message} [${error.code}]\n`);
    if (error.code === 'usage') io.stderr.write('(add --help for usage and examples)\n');
  } else {
    const kind = caught instanceof InvariantError ? '' : `${caught instanceof Error ? caught.name : 'thrown value'}: `;
    io.stderr.write(`headgate: this is a bug: ${kind}${message}\n`);
    if (logLevel === 'debug' && caught instanceof Error) io.stderr.write(`${caught.stack ?? ''}\n`);
    else io.stderr.write('(--log-level debug shows where)\n');
  }
  // For diff 1 means that something differs.
  io.setExitCode(command.name() === 'diff' ? 2 : exitCodeOf(error));
}

function exitCodeOf(error: GatewayError | undefined): ExitCode {
  if (error?.code === 'usage') return 2;
  return error?.code === 'invalid_input' ? 1 : 3;
}
