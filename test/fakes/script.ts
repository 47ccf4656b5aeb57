/** A scripted answer in words that every provider can say, so that one test fans out over all of them. */
import type { RecordedRequest } from './recorded.ts';
import type { FakeSettings, Usage } from './settings.ts';
import { signatureOf } from './signatures.ts';
import { replyPieces, usageOf } from './usage.ts';

/** A call of a tool; providers without ids drop `id`, others make one up when it is absent. */
export interface ToolCall {
  readonly id?: string;
  readonly name: string;
  readonly input: Readonly<Record<string, unknown>>;
}

/** Why an answer ends. `filter`: the provider's own filter; `guardrail`: a policy of the customer. */
export type Stop = 'end' | 'tools' | 'length' | 'sequence' | 'filter' | 'guardrail' | 'pause' | 'context';

/** What to answer. A provider that cannot say a part leaves it out, as its models would. */
export interface Script {
  /** Default: words, unless there are tool calls or a refusal. */
  readonly text?: string;
  /** Pieces into which a stream cuts each of text, thinking and arguments; default `settings.chunks`. */
  readonly chunks?: number;
  readonly toolCalls?: readonly ToolCall[];
  /** Reasoning before the text; providers that sign it do. */
  readonly thinking?: string;
  /** Encrypted reasoning; providers that know none leave it out. */
  readonly redactedThinking?: string;
  /** The model refuses: OpenAI `refusal`, Anthropic stop reason `refusal`. */
  readonly refusal?: string;
  /** The text cites this passage of the first document. */
  readonly citation?: string;
  /** Default: `tools` where there are calls, otherwise `end`. */
  readonly stop?: Stop;
  /** The sequence which was hit, with `stop: 'sequence'`. */
  readonly stopSequence?: string;
  /** Differs from the counted usage. */
  readonly usage?: Partial<Usage>;
  /** Fails after this many pieces of content, in the middle of the stream; unary answers do not care. */
  readonly failAfterChunks?: number;
  /** The status as which a failing stream tells its failure; default 500. */
  readonly failure?: number;
  /** Refuses with this status in the provider's shape instead of an answer. */
  readonly status?: number;
  /** The text of a refusal by status, or of a failure in the stream. */
  readonly message?: string;
}

/** A part of an answer; `pieces` are what a stream sends one by one. */
export type Block =
  | { readonly kind: 'thinking'; readonly text: string; readonly pieces: readonly string[]; readonly signature: string }
  | { readonly kind: 'redacted'; readonly data: string }
  | { readonly kind: 'text'; readonly text: string; readonly pieces: readonly string[]; readonly citation?: string }
  | {
      readonly kind: 'tool';
      readonly id: string | undefined;
      readonly name: string;
      readonly input: Readonly<Record<string, unknown>>;
      readonly pieces: readonly string[];
    };

/** An answer that a provider has only to put into its own form. */
export interface Reply {
  readonly blocks: readonly Block[];
  readonly refusal: string | undefined;
  readonly stop: Stop;
  readonly stopSequence: string | undefined;
  readonly usage: Usage;
  readonly failure: { readonly after: number; readonly status: number; readonly message: string } | undefined;
}

/** The script of a request; empty where the test gave none. */
export function scriptOf(request: RecordedRequest, settings: FakeSettings): Script {
  const script = typeof settings.script === 'function' ? settings.script(request) : settings.script;
  return script ?? {};
}

/** The answer to a request: its script, and what the script leaves open. Shape: `prompt` is all text of the prompt. */
export function replyOf(request: RecordedRequest, settings: FakeSettings, prompt: string): Reply {
  const script = scriptOf(request, settings);
  const counted = usageOf(request, settings, prompt);
  const toolCalls = script.toolCalls ?? [];
  const failAfter = script.failAfterChunks;
  return {
    blocks: blocksOf(script, request, settings),
    refusal: script.refusal,
    stop: script.stop ?? (toolCalls.length > 0 ? 'tools' : 'end'),
    stopSequence: script.stopSequence,
    usage: { ...counted, ...script.usage },
    failure:
      failAfter === undefined
        ? undefined
        : { after: failAfter, status: script.failure ?? 500, message: script.message ?? 'The stream fails.' },
  };
}

function blocksOf(script: Script, request: RecordedRequest, settings: FakeSettings): Block[] {
  const count = script.chunks ?? settings.chunks;
  const blocks: Block[] = [];
  const { thinking, redactedThinking, citation } = script;
  if (thinking !== undefined) {
    blocks.push({
      ...{ kind: 'thinking', text: thinking },
      ...{ pieces: cutText(thinking, count), signature: signatureOf(thinking) },
    });
  }
  if (redactedThinking !== undefined) blocks.push({ kind: 'redacted', data: sealed(redactedThinking) });
  const isSilent = (script.toolCalls ?? []).length > 0 || script.refusal !== undefined;
  if (script.text !== undefined || !isSilent) {
    const pieces = script.text === undefined ? replyPieces(request, settings) : cutText(script.text, count);
    const text = pieces.join('');
    blocks.push({ kind: 'text', text, pieces, ...(citation === undefined ? {} : { citation }) });
  }
  for (const { id, name, input } of script.toolCalls ?? []) {
    blocks.push({ kind: 'tool', id, name, input, pieces: cutText(JSON.stringify(input), count) });
  }
  return blocks;
}

/** Encrypted reasoning in base64: what `signatureOf` says of it comes first, so that an echo can be checked. */
function sealed(text: string): string {
  return Buffer.from(`${signatureOf(text)}.${text}`).toString('base64');
}

/** True when this is encrypted reasoning that a fake gave out. */
export function isSealed(data: string): boolean {
  const plain = Buffer.from(data, 'base64').toString('utf8');
  const dot = plain.indexOf('.');
  return dot > 0 && plain.slice(0, dot) === signatureOf(plain.slice(dot + 1));
}

/** Cuts by code points, so that no piece ends within a character: providers send whole ones. */
function cutText(text: string, count: number): string[] {
  const points = [...text];
  const size = Math.max(1, Math.ceil(points.length / Math.max(1, count)));
  return Array.from({ length: Math.ceil(points.length / size) }, (_, i) =>
    points.slice(i * size, (i + 1) * size).join(''),
  );
}

/** The steps of a stream up to its failure, and the event that tells it. */
export function untilFailure<Step>(
  steps: readonly Step[],
  isContent: (step: Step) => boolean,
  failure: Reply['failure'],
): readonly Step[] {
  if (failure === undefined) return steps;
  let seen = 0;
  const end = steps.findIndex((step) => isContent(step) && ++seen > failure.after);
  return end < 0 ? steps : steps.slice(0, end);
}
