/** Answers of Gemini, in one piece and as the pieces of a stream. Source: Vertex AI reference, GenerateContentResponse. */
import { asObject } from '../fields.ts';
import { type Block, type Reply, type Stop, untilFailure } from '../script.ts';
import { signatureOf } from '../signatures.ts';

type Json = Readonly<Record<string, unknown>>;

const FINISH: Readonly<Record<Stop, string>> = {
  end: 'STOP',
  tools: 'STOP',
  length: 'MAX_TOKENS',
  sequence: 'STOP',
  filter: 'SAFETY',
  guardrail: 'MODEL_ARMOR',
  pause: 'STOP',
  context: 'MAX_TOKENS',
};

/** What is asked of the answer beside its content. */
export interface Asked {
  readonly n: number;
  readonly model: string;
  readonly body: Json;
}

/** The answer in one piece. */
export function wholeAnswer(reply: Reply, asked: Asked): Json {
  const config = asObject(asked.body.generationConfig) ?? {};
  const count = typeof config.candidateCount === 'number' ? config.candidateCount : 1;
  const parts = partsOf(reply, config).map(({ part }) => part);
  const candidates = Array.from({ length: count }, (_, index) => ({
    content: { role: 'model', parts },
    ...finish(reply),
    ...(index > 0 ? { index } : {}),
    ...logprobs(parts, config),
    avgLogprobs: -0.125,
  }));
  return { candidates, usageMetadata: usageOf(reply), ...envelope(asked) };
}

/** The answers of which a stream is made, up to its failure, if it has one. */
export function streamAnswers(reply: Reply, asked: Asked): readonly Json[] {
  const config = asObject(asked.body.generationConfig) ?? {};
  const head = envelope(asked);
  const pieces = partsOf(reply, config).flatMap(({ part, pieces: texts }) => {
    const { thoughtSignature, ...rest } = part;
    if (texts === undefined) return [part];
    return texts.map((text, index) => ({
      ...rest,
      text,
      ...(index === texts.length - 1 && thoughtSignature !== undefined ? { thoughtSignature } : {}),
    }));
  });
  const isContent = ({ candidates }: Json): boolean => (candidates as readonly Json[])[0]?.finishReason === undefined;
  const steps: Json[] = pieces.map((part) => ({
    candidates: [{ content: { role: 'model', parts: [part] }, ...logprobs([part], config) }],
    usageMetadata: { trafficType: 'ON_DEMAND' },
    ...head,
  }));
  // The last one says nothing but why it ended, and what it took.
  const end = { content: { role: 'model', parts: [{ text: '' }] }, ...finish(reply) };
  steps.push({ candidates: [end], usageMetadata: usageOf(reply), ...head });
  return untilFailure(steps, isContent, reply.failure);
}

function envelope({ n, model }: Asked): Json {
  return { modelVersion: model, createTime: '2026-01-01T00:00:00.000000Z', responseId: `fakeResponse${n}` };
}

function finish(reply: Reply): Json {
  return { finishReason: FINISH[reply.stop] };
}

interface Piece {
  readonly part: Json;
  /** How a stream cuts its text. */
  readonly pieces?: readonly string[];
}

/** Thoughts are shown where they were asked for; their signature stands on the first call, else on the last text. */
function partsOf({ blocks, refusal }: Reply, config: Json): Piece[] {
  const shows = asObject(config.thinkingConfig)?.includeThoughts === true;
  const thought = blocks.find((block) => block.kind === 'thinking');
  const said: readonly Block[] =
    refusal === undefined ? blocks : [...blocks, { kind: 'text', text: refusal, pieces: [refusal] }];
  const firstCall = said.findIndex(({ kind }) => kind === 'tool');
  const lastText = said.findLastIndex(({ kind }) => kind === 'text');
  const signedAt = firstCall >= 0 ? firstCall : lastText;
  return said.flatMap((block, index) => {
    const isSigned = thought !== undefined && index === signedAt;
    return pieceOf(block, shows, isSigned ? { thoughtSignature: signatureOf(thought.text) } : {});
  });
}

function pieceOf(block: Block, showsThoughts: boolean, signature: Json): Piece[] {
  switch (block.kind) {
    case 'thinking':
      return showsThoughts ? [{ part: { text: block.text, thought: true }, pieces: block.pieces }] : [];
    case 'redacted':
      return [];
    case 'text':
      return [{ part: { text: block.text, ...signature }, pieces: block.pieces }];
    case 'tool':
      return [{ part: { functionCall: { name: block.name, args: block.input }, ...signature } }];
  }
}

function logprobs(parts: readonly Json[], config: Json): Json {
  if (config.responseLogprobs !== true) return {};
  const tokens = parts
    .filter(({ text, thought }) => text !== undefined && thought !== true)
    .map(({ text }) => String(text));
  const chosenCandidates = tokens.map((token) => ({ token, tokenId: 1, logProbability: -0.25 }));
  const count = typeof config.logprobs === 'number' ? config.logprobs : 0;
  const topCandidates = tokens.map((token) => ({
    candidates: Array.from({ length: count }, (_, i) => ({ token, tokenId: i + 1, logProbability: -0.25 - i })),
  }));
  return { logprobsResult: { chosenCandidates, ...(count > 0 ? { topCandidates } : {}) } };
}

function usageOf({ usage }: Reply): Json {
  const answered = usage.output - usage.reasoning;
  return {
    promptTokenCount: usage.input,
    candidatesTokenCount: answered,
    totalTokenCount: usage.input + usage.output,
    ...(usage.cached > 0 ? { cachedContentTokenCount: usage.cached } : {}),
    ...(usage.reasoning > 0 ? { thoughtsTokenCount: usage.reasoning } : {}),
    trafficType: 'ON_DEMAND',
    promptTokensDetails: [{ modality: 'TEXT', tokenCount: usage.input }],
    candidatesTokensDetails: [{ modality: 'TEXT', tokenCount: answered }],
  };
}
