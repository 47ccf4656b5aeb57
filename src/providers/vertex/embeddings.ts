/** Embeddings on Vertex AI. Source: Vertex AI reference, text embeddings API and models.embedContent. */

import type { ProviderIr } from '../../ir/index.ts';
import { GatewayError } from '../../lib/errors.ts';
import type { JsonObject } from '../conversation.ts';
import type { WholeConversion } from '../dialect.ts';
import { listOf, numberOf, objectOf, present } from '../json.ts';
import {
  type EmbeddingRequest,
  onlyInput,
  readEmbeddingRequest,
  reportExtra,
  writeEmbeddings,
} from '../openai/embeddings.ts';
import { usageOf } from './answer-parts.ts';
import { readGoogleError } from './google-error.ts';
import { methodPath } from './index.ts';
import { usesEmbedContent } from './models.ts';

/** The conversion for a model: newer ones embed one content, the others a list. */
export function vertexEmbeddings(model: string): WholeConversion {
  return usesEmbedContent(model) ? byContent : byPredict;
}

const AUTO_TRUNCATE = ['auto_truncate', 'autoTruncate'];

function truncation({ extra }: EmbeddingRequest): JsonObject {
  return present({ autoTruncate: extra.auto_truncate ?? extra.autoTruncate });
}

const byPredict: WholeConversion = {
  writeRequest(body, { unsupported }) {
    const request = readEmbeddingRequest(body, unsupported);
    reportExtra(request, AUTO_TRUNCATE, unsupported);
    const parameters = present({ outputDimensionality: request.dimensions, ...truncation(request) });
    return present({
      instances: request.inputs.map(({ text, taskType, title }) =>
        present({ content: text, task_type: taskType, title }),
      ),
      parameters: Object.keys(parameters).length === 0 ? undefined : parameters,
    });
  },
  readAnswer(answer, context) {
    const predictions = listOf(answer.predictions).map((item) => objectOf(objectOf(item).embeddings));
    if (predictions.length === 0) throw new GatewayError('provider_failed', 'the provider answered without embeddings');
    const counts = predictions.map(({ statistics }) => numberOf(objectOf(statistics).token_count) ?? 0);
    const tokens = counts.reduce((sum, count) => sum + count, 0);
    return writeEmbeddings(
      predictions.map(({ values }) => values),
      tokens,
      context,
    );
  },
  readError: readGoogleError,
};

const byContent: WholeConversion = {
  path: (model: string, provider: ProviderIr) => methodPath(model, 'embedContent', provider),
  writeRequest(body, { unsupported }) {
    const request = readEmbeddingRequest(body, unsupported);
    reportExtra(request, AUTO_TRUNCATE, unsupported);
    const { text, taskType, title } = onlyInput(request);
    return present({
      content: { parts: [{ text }] },
      taskType,
      title,
      outputDimensionality: request.dimensions,
      ...truncation(request),
    });
  },
  readAnswer(answer, context) {
    const tokens = usageOf(answer.usageMetadata)?.input ?? 0;
    return writeEmbeddings([objectOf(answer.embedding).values], tokens, context);
  },
  readError: readGoogleError,
};
