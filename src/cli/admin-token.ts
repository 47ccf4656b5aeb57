import { readFile } from 'node:fs/promises';
import { GatewayError } from '../lib/errors.ts';

/** A token in a file of its own. Errors: GatewayError `invalid_input`. */
export async function readToken(file: string): Promise<string> {
  const text = await readFile(file).catch((caught: unknown) => {
    throw GatewayError.from(caught, 'invalid_input', `${file} cannot be read`);
  });
  return tokenOf(text, file);
}

/** Errors: GatewayError `invalid_input` naming the file. */
export function tokenOf(text: Buffer | undefined, file: string): string {
  const token = String(text ?? '').trim();
  if (!/^[\x21-\x7e]{16,}$/.test(token)) {
    throw new GatewayError('invalid_input', `${file} must hold one token of 16 or more characters without blanks`);
  }
  return token;
}
