/** The registry of conversions, for the processor alone: what each provider's folder can do, and how it is put together. */
import { API_ENDPOINTS, type ApiFamily, type EndpointName, type ProviderSchema } from '../ir/index.ts';
import { GatewayError } from '../lib/errors.ts';
import { messagesClient } from './anthropic/messages-client.ts';
import { writeMessagesError } from './anthropic/messages-errors.ts';
import { anthropicMessages } from './anthropic/messages-provider.ts';
import { claudeOnBedrock, claudeTokensOnBedrock, passToBedrock } from './bedrock/claude.ts';
import { bedrockConverse } from './bedrock/converse-provider.ts';
import { converseTokens } from './bedrock/count-tokens.ts';
import type { JsonObject, ProviderError } from './conversation.ts';
import type { ClientDialect, ProviderDialect, WholeConversion } from './dialect.ts';
import { encodeJson } from './exchange.ts';
import { chatClient } from './openai/chat-client.ts';
import { chatProvider } from './openai/chat-provider.ts';
import { writeOpenAiError } from './openai/errors.ts';
import { responsesClient } from './openai/responses-client.ts';
import { translateConversation } from './translate-conversation.ts';
import { translateWhole } from './translate-whole.ts';
import type { Attempt, Translation } from './translation.ts';
import { claudeOnVertex, claudeTokensOnVertex, passToVertex } from './vertex/claude.ts';
import { geminiTokens } from './vertex/count-tokens.ts';
import { gemini } from './vertex/gemini.ts';

/** What can be translated to providers of one schema. */
interface Conversions {
  /** The API that conversations are held in. */
  readonly dialect?: ProviderDialect;
  /** Endpoints that hold no conversation, by the model that is asked for. */
  readonly whole?: Readonly<Partial<Record<EndpointName, (model: string) => WholeConversion>>>;
  /** Endpoints whose bodies need something else: these come before all others. */
  readonly direct?: Readonly<Partial<Record<EndpointName, (attempt: Attempt) => Translation>>>;
}

const PROVIDERS: Readonly<Record<ProviderSchema, Conversions>> = {
  OpenAI: { dialect: chatProvider },
  AzureOpenAI: { dialect: chatProvider },
  Anthropic: { dialect: anthropicMessages },
  Cohere: {},
  AWSBedrock: { dialect: bedrockConverse, whole: { messages_count_tokens: () => converseTokens } },
  AWSAnthropic: {
    dialect: claudeOnBedrock,
    direct: { messages: passToBedrock },
    whole: { messages_count_tokens: () => claudeTokensOnBedrock },
  },
  GCPVertexAI: { dialect: gemini, whole: { messages_count_tokens: () => geminiTokens } },
  GCPAnthropic: {
    dialect: claudeOnVertex,
    direct: { messages: passToVertex },
    whole: { messages_count_tokens: () => claudeTokensOnVertex },
  },
};

/** Endpoints that hold a conversation, as clients speak them. */
const CLIENTS: Readonly<Partial<Record<EndpointName, ClientDialect>>> = {
  chat_completions: chatClient,
  messages: messagesClient,
  responses: responsesClient,
};

const ERROR_WRITERS: Readonly<Record<ApiFamily, (error: ProviderError) => JsonObject>> = {
  openai: writeOpenAiError,
  anthropic: writeMessagesError,
  cohere: ({ message }) => ({ message }),
};

function errorWriter(endpoint: EndpointName): (error: ProviderError) => JsonObject {
  const family = API_ENDPOINTS.find(({ name }) => name === endpoint)?.api ?? 'openai';
  return ERROR_WRITERS[family];
}

/** One attempt's conversion. Errors: GatewayError `not_found` for a pair that is not translated. */
export function createTranslation(attempt: Attempt): Translation {
  const { endpoint, provider } = attempt;
  const { dialect, whole, direct } = PROVIDERS[provider.schema];
  const own = direct?.[endpoint];
  if (own !== undefined) return own(attempt);
  const conversionOf = whole?.[endpoint];
  if (conversionOf !== undefined) return translateWhole(attempt, conversionOf, errorWriter(endpoint));
  const client = CLIENTS[endpoint];
  if (client !== undefined && dialect !== undefined) return translateConversation(attempt, client, dialect);
  throw new GatewayError('not_found', `${provider.schema} does not serve this API`);
}

/** A failure of a translation as the client's API tells failures. */
export function clientError(endpoint: EndpointName, error: GatewayError): { status: number; body: Uint8Array } {
  const { httpStatus: status, message, code } = error;
  return { status, body: encodeJson(errorWriter(endpoint)({ status, message, code })) };
}
