/** Embeddings on Bedrock, by InvokeModel. Source: Amazon Bedrock user guide, Titan and Cohere Embed models. */
import { GatewayError } from '../../lib/errors.ts';
import type { JsonObject } from '../conversation.ts';
import type { WholeConversion } from '../dialect.ts';
import { isJsonObject, listOf, numberOf, objectOf, present } from '../json.ts';
import { onlyInput, readEmbeddingRequest, reportExtra, writeEmbeddings } from '../openai/embeddings.ts';
import { tellingName } from '../said-of-models.ts';
import { readAwsError } from './converse-answer.ts';

/** The conversion for a model. Errors: GatewayError `invalid_input` for one whose embeddings are not known. */
export function bedrockEmbeddings(model: string): WholeConversion {
  if (/titan-embed-image/.test(model)) return titanImage;
  if (/titan-embed-text-v1|titan-embed-g1/.test(model)) return titanV1;
  if (/titan-embed/.test(model)) return titanV2;
  if (/cohere\.embed/.test(model)) return cohereEmbed;
  throw new GatewayError('invalid_input', `embeddings of '${model}' are not known to the gateway`);
}

const titanV1: WholeConversion = {
  writeRequest(body, { unsupported }) {
    const request = readEmbeddingRequest(body, unsupported);
    if (request.dimensions !== undefined) unsupported.add('dimensions');
    reportExtra(request, [], unsupported);
    return { inputText: onlyInput(request).text };
  },
  readAnswer: readTitan,
  readError: readAwsError,
};

const titanV2: WholeConversion = {
  writeRequest(body, { unsupported }) {
    const request = readEmbeddingRequest(body, unsupported);
    reportExtra(request, ['normalize'], unsupported);
    const { normalize } = request.extra;
    return present({ inputText: onlyInput(request).text, dimensions: request.dimensions, normalize });
  },
  readAnswer: readTitan,
  readError: readAwsError,
};

const titanImage: WholeConversion = {
  writeRequest(body, { unsupported }) {
    const request = readEmbeddingRequest(body, unsupported);
    reportExtra(request, ['inputImage'], unsupported);
    const { dimensions } = request;
    return present({
      inputText: onlyInput(request).text,
      inputImage: request.extra.inputImage,
      embeddingConfig: dimensions === undefined ? undefined : { outputEmbeddingLength: dimensions },
    });
  },
  readAnswer: readTitan,
  readError: readAwsError,
};

function readTitan(answer: JsonObject, context: Parameters<WholeConversion['readAnswer']>[1]): JsonObject {
  const vector = answer.embedding ?? objectOf(answer.embeddingsByType).float;
  return writeEmbeddings([vector], numberOf(answer.inputTextTokenCount) ?? 0, context);
}

/** Cohere's own fields that clients may give. */
const COHERE_FIELDS = ['input_type', 'truncate', 'max_tokens'];

/** What Google's words for the purpose of an embedding are in Cohere's. */
const INPUT_TYPES: ReadonlyMap<string, string> = new Map([
  ['RETRIEVAL_QUERY', 'search_query'],
  ['QUESTION_ANSWERING', 'search_query'],
  ['RETRIEVAL_DOCUMENT', 'search_document'],
  ['CLASSIFICATION', 'classification'],
  ['CLUSTERING', 'clustering'],
]);

const cohereEmbed: WholeConversion = {
  writeRequest(body, { model, provider, unsupported }) {
    const request = readEmbeddingRequest(body, unsupported);
    reportExtra(request, COHERE_FIELDS, unsupported);
    const { input_type: inputType, truncate, max_tokens: maxTokens } = request.extra;
    const isV4 = /embed-v4/.test(tellingName(model, provider));
    if (request.dimensions !== undefined && !isV4) unsupported.add('dimensions');
    return present({
      texts: request.inputs.map(({ text }) => text),
      // The API requires one; this is what texts are embedded for to be found.
      input_type: inputType ?? INPUT_TYPES.get(request.inputs[0]?.taskType ?? '') ?? 'search_document',
      truncate,
      max_tokens: isV4 ? maxTokens : undefined,
      embedding_types: ['float'],
      output_dimension: isV4 ? request.dimensions : undefined,
    });
  },
  readAnswer(answer, context) {
    const vectors = isJsonObject(answer.embeddings) ? listOf(answer.embeddings.float) : listOf(answer.embeddings);
    if (vectors.length === 0) throw new GatewayError('provider_failed', 'the provider answered without embeddings');
    // The body does not count.
    const tokens = Number(context.headers.get('x-amzn-bedrock-input-token-count') ?? 0);
    return writeEmbeddings(vectors, Number.isFinite(tokens) ? tokens : 0, context);
  },
  readError: readAwsError,
};
