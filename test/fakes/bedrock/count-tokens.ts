/** CountTokens: the input of an InvokeModel or of a Converse that is not made. Source: Amazon Bedrock API reference. */
import { type Answer, jsonAnswer } from '../answer.ts';
import { asObject } from '../fields.ts';
import type { RecordedRequest } from '../recorded.ts';
import { replyOf } from '../script.ts';
import type { FakeSettings } from '../settings.ts';
import { base64, fields, one, type Shape } from '../shape.ts';
import { promptText } from '../usage.ts';
import { requireConversation } from './converse-rules.ts';
import { CONVERSE_TOKENS_SHAPE } from './converse-shape.ts';
import { invalid } from './errors.ts';
import { requireClaudeBody } from './invoke.ts';

type Json = Readonly<Record<string, unknown>>;

export const COUNT_TOKENS_SHAPE: Shape = fields({
  'input!': one({ invokeModel: fields({ 'body!': base64 }), converse: CONVERSE_TOKENS_SHAPE }),
});

/** Answers a count. Shape: `body` fits the shape. Errors: throws `Refusal`. */
export function countTokens(request: RecordedRequest, settings: FakeSettings, model: string, body: Json): Answer {
  // Inference profiles and provisioned models cannot count: the model itself is asked.
  if (!model.startsWith('anthropic.')) throw invalid("The provided model doesn't support counting tokens.");
  const input = asObject(body.input) ?? {};
  const counted = asObject(input.converse) ?? invokedBody(String(asObject(input.invokeModel)?.body));
  if (input.converse === undefined) requireClaudeBody(counted, model, settings.refuseUnknownFields);
  else requireConversation(counted, model);
  const { usage } = replyOf(request, settings, promptText(counted.system) + promptText(counted.messages));
  return jsonAnswer(200, { inputTokens: usage.input });
}

function invokedBody(encoded: string): Json {
  try {
    const body = asObject(JSON.parse(Buffer.from(encoded, 'base64').toString('utf8')));
    if (body !== undefined) return body;
  } catch {
    // Refused below, as a body that is no object.
  }
  throw invalid('Malformed input request, please reformat your input and try again.');
}
