import { execFile } from 'node:child_process';
import { basename } from 'node:path';
import { promisify } from 'node:util';
import { GatewayError } from '../../lib/errors.ts';
import type { FetchContext } from '../fetch-context.ts';
import { isRecord, parseJson } from '../json.ts';
import type { Token } from '../token.ts';
import { sessionKeys } from './session-keys.ts';

const run = promisify(execFile);
const MAX_BYTES = 64 * 1024;

/**
 * Keys that a program prints. No shell has a part in it, as in botocore; what the program says besides (stderr) may hold
 * secrets, and is dropped. Errors: GatewayError. Source: AWS SDKs and Tools, process credential provider.
 */
export async function processKeys(command: string, { env, signal }: FetchContext): Promise<Token> {
  const [program, ...args] = splitCommand(command);
  if (program === undefined) throw new GatewayError('invalid_input', 'credential_process names no program');
  const place = `credential_process ${basename(program)}`;
  let printed: string;
  try {
    const running = run(program, args, { env, signal, maxBuffer: MAX_BYTES, killSignal: 'SIGKILL', windowsHide: true });
    running.child.stdin?.end();
    printed = (await running).stdout;
  } catch (caught) {
    // What is caught holds the command, and what the program said.
    throw failed(place, caught, signal);
  }
  const answer = parseJson(printed);
  const fail = (what: string): GatewayError => new GatewayError('provider_failed', `${place} ${what}`);
  if (!isRecord(answer) || answer.Version !== 1) throw fail('printed no keys of Version 1');
  return sessionKeys(answer, 'SessionToken', fail);
}

function failed(place: string, caught: unknown, signal: AbortSignal): GatewayError {
  if (signal.aborted) return new GatewayError('timeout', `${place} did not end in time`);
  const code = caught instanceof Error ? (caught as { code?: unknown }).code : undefined;
  if (typeof code === 'number') return new GatewayError('provider_failed', `${place} ended with ${code}`);
  return new GatewayError('provider_failed', `${place} cannot be run${typeof code === 'string' ? `: ${code}` : ''}`);
}

/** Words as a POSIX shell splits them; nothing is replaced in them. */
export function splitCommand(command: string): string[] {
  const words = command.match(/(?:[^\s"'\\]|\\.|"(?:[^"\\]|\\.)*"|'[^']*')+/gs) ?? [];
  return words.map((word) =>
    word.replace(/\\(.)|"((?:[^"\\]|\\.)*)"|'([^']*)'/gs, (_, escaped, double, single) =>
      double === undefined ? (escaped ?? single) : double.replace(/\\(["\\$`])/g, '$1'),
    ),
  );
}
