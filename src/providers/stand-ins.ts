/**
 * A way around most of the work of large bodies. Runs of plain messages and long texts are left out, and a few that stand for
 * them go through the translation in their place. What it wrote of those shows how it writes such messages, and all of them
 * are put there with their bytes. So no conversion knows of it, and a request that turns out otherwise is translated as a whole.
 */
import { isUtf8 } from 'node:buffer';
import type { AssistantPart, ConversationRequest, UserPart } from './conversation.ts';
import { findLeft, type Left, standInsOf } from './left-out.ts';
import { restore } from './restore.ts';
import { standInNumber, standInText } from './stand-in-texts.ts';

export interface Shortened {
  readonly body: Buffer;
  /**
   * The same without stand-ins that are no text of the conversation, or part of something whose text means something; itself
   * where there are none of these. Errors: undefined where all are.
   */
  readonly saidIn: (request: ConversationRequest) => Shortened | undefined;
  /** The whole body out of what was written of the short one. Errors: undefined where that cannot be told. */
  readonly restore: (written: Buffer) => Buffer | undefined;
}

/** Below it, the translation as a whole is as fast. */
const LEAST_BYTES = 600;

/** The name by which results of tools tell failures, in the JSON of a text. */
const ERROR = '\\"error\\"';

/** Errors: undefined where there is nothing to gain. */
export function shorten(bytes: Uint8Array): Shortened | undefined {
  if (bytes.length < LEAST_BYTES || !isUtf8(bytes)) return undefined;
  const body = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  return shortened(body, findLeft(body));
}

function shortened(body: Buffer, left: readonly Left[]): Shortened | undefined {
  if (left.length === 0) return undefined;
  /** By the number of a stand-in: what it stands for. */
  const owners = left.flatMap((one) => Array.from({ length: standInsOf(one) }, () => one));
  const whole: Shortened = {
    body: shortBody(body, left),
    saidIn(request) {
      const said = saidIn(request, (number) => mentionsErrors(body, owners[number]));
      const others = new Set(owners.filter((_, number) => !said.has(number)));
      if (others.size === 0) return whole;
      return shortened(
        body,
        left.filter((one) => !others.has(one)),
      );
    },
    restore: (written) => restore(written, body, left, owners.length),
  };
  return whole;
}

function shortBody(body: Buffer, left: readonly Left[]): Buffer {
  const parts: Uint8Array[] = [];
  let at = 0;
  let number = 0;
  for (const one of left) {
    const { style, first, start, end } = one;
    parts.push(body.subarray(at, start));
    for (let i = 0, count = standInsOf(one); i < count; i++) {
      const side = (first + i) % 2 === 0 ? 0 : 1;
      if (i > 0) parts.push(style.comma);
      parts.push(style.heads[side], Buffer.from(standInText(number++)), style.tails[side]);
    }
    at = end;
  }
  parts.push(body.subarray(at));
  return Buffer.concat(parts);
}

/**
 * Numbers of the stand-ins that are texts or data of the conversation. Of a tool's result that fails it is the text that says
 * so. Shape: `mentionsErrors` tells of what a stand-in stands for.
 */
function saidIn(
  { system, messages }: ConversationRequest,
  mentionsErrors: (number: number) => boolean,
): ReadonlySet<number> {
  const said = new Set<number>();
  const add = (part: UserPart | AssistantPart, isResult: boolean): void => {
    const number = numberOf(part);
    if (number !== undefined && !(isResult && mentionsErrors(number))) said.add(number);
  };
  for (const part of system) add(part, false);
  for (const { parts } of messages) {
    for (const part of parts) {
      if (part.kind === 'tool_result') for (const inner of part.content) add(inner, true);
      else add(part, false);
    }
  }
  return said;
}

/** The number of the stand-in that a part is, or holds as data. Text in base64 is decoded by some conversions. */
function numberOf(part: UserPart | AssistantPart): number | undefined {
  if (part.kind === 'text') return standInNumber(part.text);
  if (!('source' in part) || part.source.kind !== 'base64') return undefined;
  return part.source.mediaType.startsWith('text/') ? undefined : standInNumber(part.source.data);
}

function mentionsErrors(body: Buffer, owner: Left | undefined): boolean {
  return owner === undefined || body.subarray(owner.start, owner.end).includes(ERROR);
}
