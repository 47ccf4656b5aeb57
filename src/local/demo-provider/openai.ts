/** Chat completions, completions and embeddings. Source: OpenAI API reference. */
import { type Answer, type Context, dataEvent, jsonAnswer } from './answer.ts';
import { Refusal } from './refusal.ts';
import { composeReply, countTokens, embed, lastUserText, type Reply, textOf } from './reply.ts';
import { checkBody } from './request-schemas.ts';

const DEFAULT_DIMENSIONS = 64;
const DONE = 'data: [DONE]\n\n';

function usageOf({ inputTokens, outputTokens }: Reply, choices: number): Record<string, unknown> {
  const completion = outputTokens * choices;
  return {
    prompt_tokens: inputTokens,
    completion_tokens: completion,
    total_tokens: inputTokens + completion,
    prompt_tokens_details: { cached_tokens: 0, audio_tokens: 0 },
    completion_tokens_details: {
      reasoning_tokens: 0,
      audio_tokens: 0,
      accepted_prediction_tokens: 0,
      rejected_prediction_tokens: 0,
    },
  };
}

/** Whether a stream's last chunk tells the usage. Stream options without a stream are refused. */
function wantsUsage(body: Record<string, unknown>): boolean {
  const options = body.stream_options;
  if (options === undefined || options === null) return false;
  if (body.stream !== true) {
    const message = "The 'stream_options' parameter is only allowed when 'stream' is enabled.";
    throw new Refusal(400, message, { param: 'stream_options' });
  }
  return (options as { include_usage?: unknown }).include_usage === true;
}

function numberOf(value: unknown): number | undefined {
  return typeof value === 'number' ? value : undefined;
}

/** Answers `POST /v1/chat/completions`. Errors: throws `Refusal`. */
export function answerChat(json: unknown, context: Context): Answer {
  const body = checkBody('chat', json);
  const messages = body.messages as unknown[];
  const format = (body.response_format as { type?: unknown } | null | undefined)?.type ?? 'text';
  if (format !== 'text') {
    const param = 'response_format.type';
    throw new Refusal(400, `This demo provider answers in text alone, not in '${String(format)}'.`, { param });
  }
  const model = String(body.model);
  const heard = { heard: lastUserText(messages), inputTokens: countTokens(textOf(messages)) };
  const limit = numberOf(body.max_completion_tokens) ?? numberOf(body.max_tokens);
  const reply = composeReply(context.provider, model, heard, limit);
  const finish = reply.isCut ? 'length' : 'stop';
  const head = { id: `chatcmpl-demo-${context.serial}`, created: context.now, model };
  const withUsage = wantsUsage(body);
  const indexes = [...Array(numberOf(body.n) ?? 1).keys()];
  if (body.stream !== true) {
    const message = { role: 'assistant', content: reply.text, refusal: null, annotations: [] };
    const choices = indexes.map((index) => ({ index, message, logprobs: null, finish_reason: finish }));
    const usage = usageOf(reply, indexes.length);
    return jsonAnswer({ ...head, object: 'chat.completion', choices, usage, service_tier: 'default' });
  }
  const rest = withUsage ? { usage: null } : {};
  const chunk = (index: number, delta: unknown, finishReason: string | null): string =>
    dataEvent({
      ...head,
      object: 'chat.completion.chunk',
      choices: [{ index, delta, logprobs: null, finish_reason: finishReason }],
      ...rest,
    });
  const events = [
    ...indexes.map((index) => chunk(index, { role: 'assistant', content: '', refusal: null }, null)),
    ...reply.pieces.flatMap((content) => indexes.map((index) => chunk(index, { content }, null))),
    ...indexes.map((index) => chunk(index, {}, finish)),
  ];
  const last = { ...head, object: 'chat.completion.chunk', choices: [], usage: usageOf(reply, indexes.length) };
  return { kind: 'stream', events: [...events, ...(withUsage ? [dataEvent(last)] : []), DONE] };
}

/** Answers `POST /v1/completions`. Errors: throws `Refusal`. */
export function answerCompletion(json: unknown, context: Context): Answer {
  const body = checkBody('completion', json);
  const model = String(body.model);
  const heard = textOf(body.prompt);
  const limit = numberOf(body.max_tokens);
  const reply = composeReply(context.provider, model, { heard, inputTokens: countTokens(heard) }, limit);
  const finish = reply.isCut ? 'length' : 'stop';
  const head = { id: `cmpl-demo-${context.serial}`, object: 'text_completion', created: context.now, model };
  const withUsage = wantsUsage(body);
  const indexes = [...Array(numberOf(body.n) ?? 1).keys()];
  const choice = (text: string, index: number, finishReason: string | null): unknown => ({
    text,
    index,
    logprobs: null,
    finish_reason: finishReason,
  });
  const usage = usageOf(reply, indexes.length);
  if (body.stream !== true) {
    return jsonAnswer({ ...head, choices: indexes.map((index) => choice(reply.text, index, finish)), usage });
  }
  const rest = withUsage ? { usage: null } : {};
  const chunk = (text: string, index: number, finishReason: string | null): string =>
    dataEvent({ ...head, choices: [choice(text, index, finishReason)], ...rest });
  const events = [
    ...reply.pieces.flatMap((piece) => indexes.map((index) => chunk(piece, index, null))),
    ...indexes.map((index) => chunk('', index, finish)),
    ...(withUsage ? [dataEvent({ ...head, choices: [], usage })] : []),
  ];
  return { kind: 'stream', events: [...events, DONE] };
}

/** Answers `POST /v1/embeddings`. Errors: throws `Refusal`. */
export function answerEmbeddings(json: unknown): Answer {
  const body = checkBody('embedding', json);
  const { input } = body;
  // A list of numbers is one text that is tokenized already.
  const isTokens = Array.isArray(input) && typeof input[0] === 'number';
  const texts: unknown[] = Array.isArray(input) && !isTokens ? input : [input];
  const dimensions = numberOf(body.dimensions) ?? DEFAULT_DIMENSIONS;
  const data = texts.map((text, index) => {
    const vector = embed(typeof text === 'string' ? text : JSON.stringify(text), dimensions);
    const bytes = Buffer.from(Float32Array.from(vector).buffer).toString('base64');
    return { object: 'embedding', index, embedding: body.encoding_format === 'base64' ? bytes : vector };
  });
  const tokens = texts.reduce<number>(
    (sum, text) => sum + (Array.isArray(text) ? text.length : countTokens(textOf(text))),
    0,
  );
  const usage = { prompt_tokens: tokens, total_tokens: tokens };
  return jsonAnswer({ object: 'list', data, model: body.model, usage });
}
