/** Token counts and reply texts: a function of the request and the settings alone. */
import type { RecordedRequest } from './recorded.ts';
import type { FakeSettings, Usage } from './settings.ts';

/** Tokens of a text: a quarter of its bytes, rounded up. */
export function countTokens(text: string): number {
  return Math.ceil(Buffer.byteLength(text) / 4);
}

/** All text of a prompt, of `messages`, `input` or `system` in any of their forms: strings, parts, lists of both. */
export function promptText(value: unknown): string {
  if (typeof value === 'string') return value;
  if (Array.isArray(value)) return value.map(promptText).join('');
  if (typeof value !== 'object' || value === null) return '';
  const part = value as Record<string, unknown>;
  return promptText(part.content) + promptText(part.text) + promptText(part.refusal);
}

/** The usage of an answer: counted, then overridden by the settings. */
export function usageOf(request: RecordedRequest, settings: FakeSettings, prompt: string): Usage {
  const override = typeof settings.usage === 'function' ? settings.usage(request) : settings.usage;
  return {
    input: Math.max(1, countTokens(prompt)),
    output: settings.chunks,
    cached: 0,
    cacheCreation: 0,
    reasoning: 0,
    ...override,
  };
}

const WORDS = ['alpha', 'bravo', 'charlie', 'delta', 'echo', 'foxtrot', 'golf', 'hotel', 'india', 'juliett'];

/** The pieces of a reply: `chunks` words, or the configured text cut into that many. */
export function replyPieces(request: RecordedRequest, settings: FakeSettings): string[] {
  const text = settings.reply?.(request);
  const count = Math.max(1, settings.chunks);
  if (text === undefined) {
    return Array.from({ length: count }, (_, i) => `${i === 0 ? '' : ' '}${WORDS[i % WORDS.length]}`);
  }
  const size = Math.max(1, Math.ceil(text.length / count));
  return Array.from({ length: Math.ceil(text.length / size) }, (_, i) => text.slice(i * size, (i + 1) * size));
}
