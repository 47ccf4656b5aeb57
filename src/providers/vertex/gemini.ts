import type { ConversationRequest, JsonObject } from '../conversation.ts';
import type { DialectContext, ProviderDialect } from '../dialect.ts';
import { present } from '../json.ts';
import { readAnswer } from './answer.ts';
import { writeContents } from './contents.ts';
import { GENERATION_FIELDS, writeGenerationConfig } from './generation.ts';
import { readGoogleError } from './google-error.ts';
import { createGeminiStreamReader } from './stream.ts';
import { writeTools } from './tools.ts';

/** Top-level fields of Gemini's that a client of another API may give, by their names there. */
const OWN_FIELDS: Readonly<Record<string, string>> = {
  safetySettings: 'safetySettings',
  safety_settings: 'safetySettings',
  cachedContent: 'cachedContent',
  cached_content: 'cachedContent',
  labels: 'labels',
  modelArmorConfig: 'modelArmorConfig',
};

/** OpenAI's tiers that Vertex has too. The others mean what it does by itself. */
const TIERS: Readonly<Record<string, string | undefined>> = {
  flex: 'flex',
  priority: 'priority',
  auto: undefined,
  default: undefined,
  standard: undefined,
  standard_only: undefined,
};

/**
 * Gemini's `generateContent` and `streamGenerateContent?alt=sse` on Vertex AI.
 * Source: Vertex AI reference, Method: models.generateContent.
 */
export const gemini: ProviderDialect = {
  writeRequest: writeGeminiRequest,
  readAnswer,
  createStreamReader: createGeminiStreamReader,
  readError: readGoogleError,
};

function writeGeminiRequest(request: ConversationRequest, context: DialectContext): JsonObject {
  const generationConfig = writeGenerationConfig(request, context);
  reportUnsupported(request, context);
  return present({
    contents: writeContents(request, context),
    systemInstruction:
      request.system.length === 0 ? undefined : { parts: request.system.map(({ text }) => ({ text })) },
    ...writeTools(request, context),
    generationConfig: Object.keys(generationConfig).length === 0 ? undefined : generationConfig,
    serviceTier: request.serviceTier === undefined ? undefined : TIERS[request.serviceTier],
    ...ownFields(request),
  });
}

function ownFields({ extra }: ConversationRequest): JsonObject {
  return Object.fromEntries(
    Object.entries(extra).flatMap(([key, value]) => {
      const name = OWN_FIELDS[key];
      return name === undefined ? [] : [[name, value]];
    }),
  );
}

function reportUnsupported(request: ConversationRequest, { unsupported }: DialectContext): void {
  const { logitBias, user, metadata, serviceTier, extra } = request;
  if (logitBias !== undefined) unsupported.add('logit_bias');
  if (user !== undefined) unsupported.add('user');
  if (metadata !== undefined) unsupported.add('metadata');
  if (serviceTier !== undefined && !Object.hasOwn(TIERS, serviceTier)) unsupported.add('service_tier');
  for (const key in extra) {
    if (!Object.hasOwn(OWN_FIELDS, key) && !GENERATION_FIELDS.includes(key)) unsupported.add(key);
  }
}
