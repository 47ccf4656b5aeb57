/** What the demo provider says: a function of the request alone, so that the same request gets the same answer. */
import { createHash } from 'node:crypto';

const MAX_ECHO_CHARS = 4_000;

/** A text that is answered with, and how many tokens it and the prompt are counted as. */
export interface Reply {
  readonly text: string;
  /** The text as it is streamed: word by word. */
  readonly pieces: readonly string[];
  readonly inputTokens: number;
  readonly outputTokens: number;
  /** Whether the client's own limit cut the text short. */
  readonly isCut: boolean;
}

/** Tokens of a text: about four bytes make one. An estimate, as a demo provider has no model. */
export function countTokens(text: string): number {
  return Math.ceil(Buffer.byteLength(text) / 4);
}

/** All text of a prompt in any of its forms: strings, messages, content parts, lists of these. */
export function textOf(value: unknown): string {
  if (typeof value === 'string') return value;
  if (Array.isArray(value)) return value.map(textOf).join('');
  if (typeof value !== 'object' || value === null) return '';
  return textOf('content' in value ? value.content : 'text' in value ? value.text : '');
}

/** What the user said last, in a list of messages. */
export function lastUserText(messages: readonly unknown[]): string {
  const isUser = (one: unknown): boolean =>
    typeof one === 'object' && one !== null && 'role' in one && one.role === 'user';
  return textOf(messages.findLast(isUser) ?? '');
}

/** Echoes what was heard. `maxTokens` is the client's limit on the answer. */
export function composeReply(
  provider: string,
  model: string,
  prompt: { readonly heard: string; readonly inputTokens: number },
  maxTokens: number | undefined,
): Reply {
  const whole = `${provider} (${model}) heard: ${prompt.heard.slice(0, MAX_ECHO_CHARS)}`;
  const isCut = maxTokens !== undefined && countTokens(whole) > maxTokens;
  const text = isCut ? cutToBytes(whole, maxTokens * 4) : whole;
  const pieces = text.match(/\s*\S+\s*$|\s*\S+/g) ?? [text];
  return { text, pieces, inputTokens: prompt.inputTokens, outputTokens: countTokens(text), isCut };
}

function cutToBytes(text: string, maxBytes: number): string {
  let bytes = 0;
  let out = '';
  for (const char of text) {
    bytes += Buffer.byteLength(char);
    if (bytes > maxBytes) break;
    out += char;
  }
  return out;
}

/** A vector of length 1 that stands for a text. */
export function embed(text: string, dimensions: number): number[] {
  const raw: number[] = [];
  for (let block = 0; raw.length < dimensions; block += 1) {
    const digest = createHash('sha256').update(`${block}:${text}`).digest();
    for (let at = 0; at + 4 <= digest.length && raw.length < dimensions; at += 4) raw.push(digest.readInt32BE(at));
  }
  const norm = Math.hypot(...raw);
  return raw.map((value) => value / norm);
}
