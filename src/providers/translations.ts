/** The registry of conversions, for the processor alone: what each provider's folder can do, and how it is put together. */
import type { EndpointName, ProviderSchema } from '../ir/index.ts';
import { GatewayError } from '../lib/errors.ts';
import { anthropicCounter } from './anthropic/count-tokens.ts';
import { messagesClient } from './anthropic/messages-client.ts';
import { anthropicMessages } from './anthropic/messages-provider.ts';
import { claudeCounterOnBedrock, claudeOnBedrock, claudeTokensOnBedrock, passToBedrock } from './bedrock/claude.ts';
import { bedrockConverse } from './bedrock/converse-provider.ts';
import { converseCounter, converseTokens } from './bedrock/count-tokens.ts';
import { bedrockEmbeddings } from './bedrock/embeddings.ts';
import { bedrockImages } from './bedrock/images.ts';
import { bedrockRerank } from './bedrock/rerank.ts';
import { errorWriter } from './client-errors.ts';
import type { ClientDialect, ProviderDialect, WholeConversion } from './dialect.ts';
import { carrierOf } from './index.ts';
import { chatClient } from './openai/chat-client.ts';
import { chatProvider } from './openai/chat-provider.ts';
import { completionsClient } from './openai/completions-client.ts';
import { openAiTokens } from './openai/input-tokens.ts';
import { responsesClient } from './openai/responses-client.ts';
import { tokenizeCounter, tokenizedMessages } from './openai/tokenize-counter.ts';
import { countResponseInput, countTokenized, type TokenCounter } from './token-counts.ts';
import { translateConversation } from './translate-conversation.ts';
import { translateWhole } from './translate-whole.ts';
import type { Attempt, Translation } from './translation.ts';
import { claudeCounterOnVertex, claudeOnVertex, claudeTokensOnVertex, passToVertex } from './vertex/claude.ts';
import { geminiCounter, geminiTokens } from './vertex/count-tokens.ts';
import { vertexEmbeddings } from './vertex/embeddings.ts';
import { gemini } from './vertex/gemini.ts';
import { vertexImages } from './vertex/images.ts';

/** What can be translated to providers of one schema. */
interface Conversions {
  /** The API that conversations are held in. */
  readonly dialect?: ProviderDialect;
  /** Endpoints that hold no conversation, by the model that is asked for. */
  readonly whole?: Readonly<Partial<Record<EndpointName, (model: string) => WholeConversion>>>;
  /** Endpoints whose bodies need something else: these come before all others. */
  readonly direct?: Readonly<Partial<Record<EndpointName, (attempt: Attempt) => Translation>>>;
}

/** The endpoints that count by a provider's counter, beside Anthropic's own. */
function countsBy(counter: TokenCounter): NonNullable<Conversions['whole']> {
  return { responses_input_tokens: () => countResponseInput(counter), tokenize: () => countTokenized(counter) };
}

const PROVIDERS: Readonly<Record<ProviderSchema, Conversions>> = {
  OpenAI: { dialect: chatProvider, whole: { messages_count_tokens: () => openAiTokens } },
  AzureOpenAI: { dialect: chatProvider, whole: { messages_count_tokens: () => openAiTokens } },
  Anthropic: { dialect: anthropicMessages, whole: countsBy(anthropicCounter) },
  Cohere: {},
  AWSBedrock: {
    dialect: bedrockConverse,
    whole: {
      messages_count_tokens: () => converseTokens,
      ...countsBy(converseCounter),
      embeddings: bedrockEmbeddings,
      images_generations: bedrockImages,
      rerank: () => bedrockRerank,
    },
  },
  AWSAnthropic: {
    dialect: claudeOnBedrock,
    direct: { messages: passToBedrock },
    whole: { messages_count_tokens: () => claudeTokensOnBedrock, ...countsBy(claudeCounterOnBedrock) },
  },
  GCPVertexAI: {
    dialect: gemini,
    whole: {
      messages_count_tokens: () => geminiTokens,
      ...countsBy(geminiCounter),
      embeddings: vertexEmbeddings,
      images_generations: vertexImages,
    },
  },
  GCPAnthropic: {
    dialect: claudeOnVertex,
    direct: { messages: passToVertex },
    whole: { messages_count_tokens: () => claudeTokensOnVertex, ...countsBy(claudeCounterOnVertex) },
  },
};

/** Servers of OpenAI's API that count tokens by `/tokenize` alone. */
const TOKENIZE: Conversions['whole'] = {
  messages_count_tokens: () => tokenizedMessages,
  responses_input_tokens: () => countResponseInput(tokenizeCounter),
};

/** Endpoints that hold a conversation, as clients speak them. */
const CLIENTS: Readonly<Partial<Record<EndpointName, ClientDialect>>> = {
  chat_completions: chatClient,
  completions: completionsClient,
  messages: messagesClient,
  responses: responsesClient,
};

/** One attempt's conversion. Errors: GatewayError `not_found` for a pair that is not translated. */
export function createTranslation(attempt: Attempt): Translation {
  const { endpoint, provider } = attempt;
  const { dialect, whole, direct } = PROVIDERS[provider.schema];
  const own = direct?.[endpoint];
  if (own !== undefined) return own(attempt);
  const conversionOf = (carrierOf(endpoint, provider) === 'tokenize' ? TOKENIZE : whole)?.[endpoint];
  if (conversionOf !== undefined) return translateWhole(attempt, conversionOf, errorWriter(endpoint));
  const client = CLIENTS[endpoint];
  if (client !== undefined && dialect !== undefined) return translateConversation(attempt, client, dialect);
  throw new GatewayError('not_found', `${provider.schema} does not serve this API`);
}
