/** Anthropic's Messages API as clients speak it. Source: Anthropic API reference, Messages. */
import type { ClientDialect } from '../dialect.ts';
import { writeMessagesAnswer } from './messages-answer-writer.ts';
import { writeMessagesError } from './messages-errors.ts';
import { readMessagesRequest } from './messages-request-reader.ts';
import { createMessagesStreamWriter } from './messages-stream-writer.ts';

/** Words of chat completions, in which writers report, that this API has others for. */
const FIELD_NAMES: ReadonlyMap<string, string> = new Map([
  ['stop', 'stop_sequences'],
  ['user', 'metadata.user_id'],
  ['response_format', 'output_config.format'],
  ['reasoning_effort', 'output_config.effort'],
  ['parallel_tool_calls', 'tool_choice.disable_parallel_tool_use'],
  ['messages[].reasoning_content', 'messages[].content[].thinking'],
]);

/** Messages, as clients speak them. */
export const messagesClient: ClientDialect = {
  fieldNames: FIELD_NAMES,
  readRequest: readMessagesRequest,
  writeAnswer: writeMessagesAnswer,
  createStreamWriter: createMessagesStreamWriter,
  writeError: writeMessagesError,
};
