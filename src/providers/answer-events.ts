import type { AnswerEvent, AssistantPart, ConversationAnswer, PartDelta, PartStart } from './conversation.ts';

/** A whole answer as a stream would have told it: for clients of a stream whose provider answered at once. */
export function answerEvents(answer: ConversationAnswer): AnswerEvent[] {
  const { id, model, createdSeconds } = answer;
  const events: AnswerEvent[] = [
    {
      kind: 'start',
      ...(id !== undefined && { id }),
      ...(model !== undefined && { model }),
      ...(createdSeconds !== undefined && { createdSeconds }),
    },
  ];
  answer.candidates.forEach(({ parts, finish, stopSequence, logprobs }, candidate) => {
    parts.forEach((one, part) => {
      events.push({ kind: 'part_start', candidate, part, start: partStart(one) });
      for (const delta of partDeltas(one)) events.push({ kind: 'part_delta', candidate, part, delta });
      events.push({ kind: 'part_end', candidate, part });
    });
    events.push({
      kind: 'finish',
      candidate,
      finish,
      ...(stopSequence !== undefined && { stopSequence }),
      ...(logprobs !== undefined && { logprobs }),
      ...(answer.extra !== undefined && { extra: answer.extra }),
    });
  });
  if (answer.usage !== undefined) events.push({ kind: 'usage', usage: answer.usage });
  return events;
}

function partStart(part: AssistantPart): PartStart {
  switch (part.kind) {
    case 'tool_call': {
      const { kind, id, name, signature } = part;
      return { kind, id, name, ...(signature !== undefined && { signature }) };
    }
    case 'redacted_reasoning':
      return { kind: part.kind, data: part.data };
    default:
      return { kind: part.kind };
  }
}

function partDeltas(part: AssistantPart): PartDelta[] {
  switch (part.kind) {
    case 'tool_call':
      return [{ kind: 'arguments', text: part.arguments }];
    case 'redacted_reasoning':
      return [];
    case 'refusal':
      return [{ kind: 'text', text: part.text }];
    case 'reasoning':
      return [{ kind: 'text', text: part.text }, ...signed(part.signature)];
    case 'text': {
      const citations = (part.citations ?? []).map((citation): PartDelta => ({ kind: 'citation', citation }));
      return [{ kind: 'text', text: part.text }, ...citations, ...signed(part.signature)];
    }
  }
}

function signed(signature: string | undefined): PartDelta[] {
  return signature === undefined ? [] : [{ kind: 'signature', signature }];
}
