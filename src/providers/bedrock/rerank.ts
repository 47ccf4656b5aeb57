/** Rerank on Bedrock, by InvokeModel. Source: Amazon Bedrock user guide; Cohere API reference, v2. */
import { GatewayError } from '../../lib/errors.ts';
import type { JsonValue } from '../conversation.ts';
import type { WholeConversion } from '../dialect.ts';
import { isJsonObject, listOf, numberOf, objectOf, present, textOf } from '../json.ts';
import { invalidField, listField, numberField, required, stringField } from '../request-fields.ts';
import { tellingName } from '../said-of-models.ts';
import { readAwsError } from './converse-answer.ts';

const KNOWN = new Set(['model', 'query', 'documents', 'top_n', 'return_documents']);
/** Documents that are billed as one search. */
const DOCUMENTS_A_SEARCH = 100;

/** Cohere's rerank for the models on Bedrock: Cohere's own and Amazon's. */
export const bedrockRerank: WholeConversion = {
  writeRequest(body, { model, provider, unsupported }) {
    for (const key in body) if (!KNOWN.has(key) && body[key] !== null) unsupported.add(key);
    if (body.return_documents === true) unsupported.add('return_documents');
    return present({
      query: required(stringField(body, 'query', ''), 'query', ''),
      documents: required(listField(body, 'documents', ''), 'documents', '').map(readDocument),
      top_n: numberField(body, 'top_n', ''),
      api_version: tellingName(model, provider).includes('cohere.') ? 2 : undefined,
    });
  },
  readAnswer(answer, { request, requestId }) {
    const results = listOf(answer.results).map((item) => {
      const { index, relevance_score: score, relevanceScore } = objectOf(item);
      return { index: numberOf(index), relevance_score: numberOf(score) ?? numberOf(relevanceScore) };
    });
    if (
      !Array.isArray(answer.results) ||
      results.some(({ index, relevance_score: score }) => index === undefined || score === undefined)
    ) {
      throw new GatewayError('provider_failed', 'the provider answered without results');
    }
    const units = Math.ceil(listOf(request.documents).length / DOCUMENTS_A_SEARCH);
    return {
      id: requestId,
      results: results.map((result) => present(result)),
      meta: { api_version: { version: '2' }, billed_units: { search_units: units } },
    };
  },
  readError: readAwsError,
};

/** The first version of the API took objects. */
function readDocument(document: JsonValue, index: number): string {
  const text = textOf(document) ?? (isJsonObject(document) ? textOf(document.text) : undefined);
  if (text === undefined) throw invalidField(`documents[${index}]`, 'must be a string');
  return text;
}
