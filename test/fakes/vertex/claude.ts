/** Claude on Vertex AI: `rawPredict` and `streamRawPredict`. Source: Anthropic, Claude on Vertex AI. */
import { type Answer, jsonAnswer, Refusal } from '../answer.ts';
import { anthropicError, messageStream } from '../anthropic/index.ts';
import { wholeMessage } from '../anthropic/reply.ts';
import { messagesProblem } from '../anthropic/rules.ts';
import { countShape, messagesShape } from '../anthropic/shape.ts';
import { asObject } from '../fields.ts';
import type { RecordedRequest } from '../recorded.ts';
import { replyOf } from '../script.ts';
import type { FakeSettings } from '../settings.ts';
import { promptText } from '../usage.ts';

type Json = Readonly<Record<string, unknown>>;

/** The model under whose name tokens are counted, whatever the model. */
export const COUNT_MODEL = 'count-tokens';

/** Answers a call of Claude. Errors: throws `Refusal`, in Anthropic's words. */
export function rawPredict(request: RecordedRequest, settings: FakeSettings, model: string, isStream: boolean): Answer {
  const body = request.jsonError === undefined ? asObject(request.json) : undefined;
  if (body === undefined) throw refuse('The request body is not valid JSON');
  if (model === COUNT_MODEL) return countTokens(request, settings, body);
  const problem = messagesProblem(body, messagesShape('vertex'), model, settings.refuseUnknownFields);
  if (problem !== undefined) throw refuse(problem);
  if ((body.stream === true) !== isStream) throw refuse('stream: must agree with the method that is called');
  const reply = replyOf(request, settings, promptText(body.system) + promptText(body.messages));
  // The answer names the model without the version that Vertex puts behind it.
  const head = { n: request.n, model: settings.responseModel ?? model.replace(/@.*$/, '') };
  return isStream ? messageStream(reply, head, settings) : jsonAnswer(200, wholeMessage(reply, head), reply.usage);
}

function countTokens(request: RecordedRequest, settings: FakeSettings, body: Json): Answer {
  const problem = messagesProblem(body, countShape('vertex'), String(body.model), settings.refuseUnknownFields);
  if (problem !== undefined) throw refuse(problem);
  const { usage } = replyOf(request, settings, promptText(body.system) + promptText(body.messages));
  return jsonAnswer(200, { input_tokens: usage.input });
}

function refuse(message: string): Refusal {
  return new Refusal(jsonAnswer(400, anthropicError(400, message)));
}
