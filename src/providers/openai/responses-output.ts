/** The items of which the output of a response is made. Source: OpenAI API reference, the response object. */
import type { JsonObject, JsonValue } from '../conversation.ts';
import type { AnswerContext } from '../dialect.ts';
import { isJsonObject, numberOf, parseJsonObject, textOf } from '../json.ts';
import { sealRedacted, sealSignature } from './responses-sealed.ts';

/** Id of an item, by its place in the output. */
export function itemId(prefix: string, { requestId }: AnswerContext, index: number): string {
  return `${prefix}_${requestId}n${index}`;
}

/** Reasoning that clients may see, with what only its provider reads. */
export function reasoningItem(id: string, text: string, signature: string | undefined): JsonObject {
  return {
    id,
    type: 'reasoning',
    summary: text === '' ? [] : [{ type: 'summary_text', text }],
    ...(signature !== undefined && { encrypted_content: sealSignature(signature) }),
  };
}

/** Reasoning that nobody but its provider may see. */
export function redactedItem(id: string, data: string): JsonObject {
  return { id, type: 'reasoning', summary: [], encrypted_content: sealRedacted(data) };
}

/** What the model says. */
export function messageItem(id: string, content: readonly JsonValue[], status: string): JsonObject {
  return { id, type: 'message', status, role: 'assistant', content };
}

/** A text of a message. */
export function textPart(text: string, annotations: readonly JsonValue[], logprobs: readonly JsonValue[]): JsonObject {
  return { type: 'output_text', text, annotations, logprobs };
}

/** A call of a tool; custom tools get their text out of the JSON that it went in. */
export function callItem(
  id: string,
  call: { readonly id: string; readonly name: string; readonly arguments: string },
  takesText: boolean,
  status: string,
): JsonObject {
  const base = { id, status, call_id: call.id, name: call.name };
  if (takesText) return { ...base, type: 'custom_tool_call', input: textInput(call.arguments) };
  return { ...base, type: 'function_call', arguments: call.arguments };
}

/** The text that a custom tool was called with; all of the arguments where they hold none. */
export function textInput(text: string): string {
  const input = parseJsonObject(text)?.input;
  return textOf(input) ?? text;
}

/** Whether the client takes calls of a tool as text. */
export function takesText({ request }: AnswerContext, name: string): boolean {
  return request.tools.some((tool) => tool.name === name && tool.takesText === true);
}

/** A citation in the words of this API: of a page where it has an address, else of a document. */
export function annotation(citation: JsonValue, textLength: number): JsonObject {
  const given = isJsonObject(citation) ? citation : {};
  const title = textOf(given.title) ?? textOf(given.document_title) ?? '';
  const url = textOf(given.url);
  if (url !== undefined) return { type: 'url_citation', url, title, start_index: 0, end_index: textLength };
  const index = numberOf(given.document_index) ?? 0;
  return { type: 'file_citation', file_id: textOf(given.file_id) ?? '', filename: title, index };
}
