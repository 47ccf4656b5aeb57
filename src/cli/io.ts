/** What the process ends with: 0 done, 1 the input is invalid, 2 wrong usage, 3 something outside failed. */
export type ExitCode = 0 | 1 | 2 | 3;

/** The outside of a command, so that tests run commands inside of their own process. */
export interface CliIo {
  /** Results alone. */
  readonly stdout: { write(text: string): unknown };
  /** Everything else: findings, progress, logs. */
  readonly stderr: { write(text: string): unknown };
  readonly stdin: AsyncIterable<string | Uint8Array>;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
  /** Standard output is a terminal. */
  readonly isTTY: boolean;
  /** Standard error is a terminal. */
  readonly isErrorTTY: boolean;
  /** Sets what the process ends with; it ends when nothing is left to do. */
  setExitCode(code: ExitCode): void;
}

/** Reads all of standard input as text. */
export async function readStdin(io: CliIo): Promise<string> {
  const pieces: Buffer[] = [];
  for await (const piece of io.stdin) pieces.push(Buffer.from(piece));
  return Buffer.concat(pieces).toString('utf8');
}
