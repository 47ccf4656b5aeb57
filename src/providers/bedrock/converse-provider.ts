/** Amazon Bedrock's Converse as providers speak it. Source: Amazon Bedrock API reference, Converse. */
import type { ProviderDialect } from '../dialect.ts';
import { readAwsError, readConverseAnswer } from './converse-answer.ts';
import { writeConverseRequest } from './converse-request.ts';
import { createConverseStreamReader } from './converse-stream.ts';

/** Conversations for every model on Bedrock. */
export const bedrockConverse: ProviderDialect = {
  writeRequest: writeConverseRequest,
  readAnswer: readConverseAnswer,
  createStreamReader: createConverseStreamReader,
  readError: readAwsError,
};
