#!/usr/bin/env node
/** The process of the command `headgate`. */
import type { CliIo } from './io.ts';
import { runCli } from './program.ts';

const io: CliIo = {
  stdout: process.stdout,
  stderr: process.stderr,
  stdin: process.stdin,
  env: process.env,
  cwd: process.cwd(),
  isTTY: process.stdout.isTTY === true,
  isErrorTTY: process.stderr.isTTY === true,
  setExitCode: (code) => {
    process.exitCode = code;
  },
};

for (const stream of [process.stdout, process.stderr]) {
  stream.on('error', (error: NodeJS.ErrnoException) => {
    // Whoever read the output has seen enough (`headgate translate x | head`).
    if (error.code === 'EPIPE') process.exit(process.exitCode ?? 0);
    throw error;
  });
}

await runCli(process.argv.slice(2), io);
