import type { ProviderIr } from '../../ir/index.ts';
import { takenBetas } from '../anthropic/cloud.ts';
import { isSigned } from '../anthropic/messages-request.ts';
import { writeReasoning } from '../anthropic/messages-thinking.ts';
import { type ClaudeFacts, claudeFacts } from '../anthropic/model-facts.ts';
import type { ConversationRequest, JsonObject, JsonValue } from '../conversation.ts';
import type { DialectContext, Unsupported } from '../dialect.ts';
import { isJsonObject, isText, objectOf, present } from '../json.ts';
import { ownFields } from '../own-fields.ts';
import { joinTurns, type Turn } from '../turns.ts';
import { BEDROCK_BETA_NAMES, BEDROCK_BETAS } from './betas.ts';
import { type CachePoints, writeSystem, writeTurns } from './converse-content.ts';
import { writeToolConfig } from './converse-tools.ts';
import { type BedrockFacts, bedrockFacts } from './model-facts.ts';

/** Converse's own fields that a client of another API may send along. */
const OWN_FIELDS = new Set([
  ...['guardrailConfig', 'performanceConfig', 'promptVariables', 'requestMetadata'],
  ...['additionalModelRequestFields', 'additionalModelResponseFieldPaths'],
]);

/** What a model takes: as one of Bedrock's, and as one of Claude's where it is. */
export interface ConverseFacts extends BedrockFacts {
  readonly claude?: ClaudeFacts;
}

/** A conversation as a request of Converse. Source: Amazon Bedrock API reference, Converse. */
export function writeConverseRequest(request: ConversationRequest, context: DialectContext): JsonObject {
  const { model, provider, unsupported, betas = [] } = context;
  const facts = converseFacts(model, provider);
  const turns = joinTurns(request.messages, (part) => isSigned(part, unsupported));
  const cachePoints = createCachePoints(facts, unsupported);
  const system = writeSystem(request.system, cachePoints);
  const asked = writeTurns(turns, cachePoints);
  const onlySystem = asked.length === 0;
  const reasoning = writeModelReasoning(request, turns, facts, unsupported);
  const { additionalModelRequestFields, ...own } = ownFields(request.extra, OWN_FIELDS, unsupported);
  reportRest(request, unsupported);
  return present({
    // Bedrock wants a message; a conversation of instructions alone is asked as one.
    messages: onlySystem ? [{ role: 'user', content: system }] : asked,
    system: onlySystem || system.length === 0 ? undefined : system,
    inferenceConfig: nonEmpty(writeInference(request, reasoning.maxTokens, facts, unsupported)),
    toolConfig: writeToolConfig(request, turns, facts, cachePoints, unsupported),
    outputConfig: writeOutputConfig(request, reasoning.effort, facts, unsupported),
    additionalModelRequestFields: nonEmpty({
      ...reasoning.fields,
      ...writeTopK(request, facts, unsupported),
      ...(facts.claude !== undefined && writeBetas(betas, unsupported)),
      ...objectOf(additionalModelRequestFields),
    }),
    // Claude tells the sequence that it met only when it is asked to.
    additionalModelResponseFieldPaths:
      facts.claude !== undefined && request.stop !== undefined ? ['/stop_sequence'] : undefined,
    serviceTier: writeServiceTier(request.serviceTier, unsupported),
    requestMetadata: writeMetadata(request.metadata, unsupported),
    ...own,
  });
}

function converseFacts(model: string, provider: ProviderIr): ConverseFacts {
  const facts = bedrockFacts(model, provider);
  if (facts.reasoning !== 'claude') return facts;
  const claude = claudeFacts(model, provider);
  return { ...facts, structuredOutput: claude.structuredOutput, claude };
}

function createCachePoints(facts: ConverseFacts, unsupported: Unsupported): CachePoints {
  return (cache) => {
    if (cache === undefined) return [];
    if (facts.caching) return [{ cachePoint: present({ type: 'default', ttl: cache.ttl }) }];
    unsupported.add('cache_control');
    return [];
  };
}

/** Converse hands them to Claude with all else that it does not know itself. */
function writeBetas(betas: readonly string[], unsupported: Unsupported): JsonObject {
  const taken = takenBetas(betas, BEDROCK_BETAS, BEDROCK_BETA_NAMES, unsupported);
  return taken.length === 0 ? {} : { anthropic_beta: taken };
}

interface ModelReasoning {
  readonly fields: JsonObject;
  readonly effort?: string | undefined;
  readonly maxTokens?: number | undefined;
}

function writeModelReasoning(
  request: ConversationRequest,
  turns: readonly Turn[],
  facts: ConverseFacts,
  unsupported: Unsupported,
): ModelReasoning {
  const { reasoning, maxTokens } = request;
  if (facts.claude !== undefined) {
    const { thinking, effort } = writeReasoning(request, turns, facts.claude, unsupported);
    return { fields: present({ thinking }), effort, maxTokens };
  }
  if (reasoning?.mode === 'on' || reasoning?.mode === 'adaptive') unsupported.add('thinking');
  const effort = reasoning?.effort;
  if (effort === undefined || effort === 'none') return { fields: {}, maxTokens };
  const level = effort === 'minimal' ? 'low' : effort === 'xhigh' || effort === 'max' ? 'high' : effort;
  if (facts.reasoning === 'effort') return { fields: { reasoning_effort: level }, maxTokens };
  if (facts.reasoning === 'nova') {
    return { fields: { reasoningConfig: { type: 'enabled', maxReasoningEffort: level } }, maxTokens };
  }
  unsupported.add('reasoning_effort');
  return { fields: {}, maxTokens };
}

function writeInference(
  { temperature, topP, stop }: ConversationRequest,
  maxTokens: number | undefined,
  { claude }: ConverseFacts,
  unsupported: Unsupported,
): JsonObject {
  const sampling = claude?.sampling ?? 'all';
  const keepsTemperature = sampling !== 'none';
  const keepsTopP = sampling === 'all' || (sampling === 'one' && temperature === undefined);
  // 1 is what the models do anyway.
  if (!keepsTemperature && temperature !== undefined && temperature !== 1) unsupported.add('temperature');
  if (!keepsTopP && topP !== undefined && topP !== 1) unsupported.add('top_p');
  return present({
    maxTokens,
    temperature: keepsTemperature ? temperature : undefined,
    topP: keepsTopP ? topP : undefined,
    stopSequences: stop,
  });
}

function writeTopK({ topK }: ConversationRequest, facts: ConverseFacts, unsupported: Unsupported): JsonObject {
  if (topK === undefined) return {};
  if (facts.topK === 'nova') return { inferenceConfig: { topK } };
  if (facts.topK === 'field' && facts.claude?.sampling !== 'none') return { top_k: topK };
  unsupported.add('top_k');
  return {};
}

function writeOutputConfig(
  { outputFormat }: ConversationRequest,
  effort: string | undefined,
  facts: ConverseFacts,
  unsupported: Unsupported,
): JsonObject | undefined {
  const carried = outputFormat?.kind === 'json_schema' && facts.structuredOutput;
  if (outputFormat !== undefined && !carried) unsupported.add('response_format');
  if (!carried) return effort === undefined ? undefined : { effort };
  const { schema, name, description } = outputFormat;
  // The schema is text here, unlike those of tools.
  const jsonSchema = present({ schema: JSON.stringify(schema), name, description });
  return present({ effort, textFormat: { type: 'json_schema', structure: { jsonSchema } } });
}

const SERVICE_TIERS: Readonly<Record<string, string>> = {
  default: 'default',
  standard_only: 'default',
  flex: 'flex',
  priority: 'priority',
  reserved: 'reserved',
};

function writeServiceTier(tier: string | undefined, unsupported: Unsupported): JsonObject | undefined {
  if (tier === undefined || tier === 'auto') return undefined;
  const type = SERVICE_TIERS[tier];
  if (type === undefined) unsupported.add('service_tier');
  return type === undefined ? undefined : { type };
}

const MAX_METADATA = 16;
const METADATA = /^[a-zA-Z0-9\s:_@$#=/+,.-]{0,256}$/;

/** Metadata goes into AWS's logs of invocations; what does not fit its rules would fail the request. */
function writeMetadata(metadata: JsonObject | undefined, unsupported: Unsupported): JsonObject | undefined {
  if (metadata === undefined) return undefined;
  const entries = Object.entries(metadata);
  const fits = ([key, value]: [string, JsonValue]) => METADATA.test(key) && isText(value) && METADATA.test(value);
  const kept = entries.filter(fits).slice(0, MAX_METADATA);
  if (kept.length < entries.length) unsupported.add('metadata');
  return nonEmpty(Object.fromEntries(kept));
}

/** What Converse has no word for at all. Values that change nothing are not worth a word. */
function reportRest(request: ConversationRequest, unsupported: Unsupported): void {
  if (request.messages.some(({ name }) => name !== undefined)) unsupported.add('messages[].name');
  if (request.seed !== undefined) unsupported.add('seed');
  if (request.frequencyPenalty) unsupported.add('frequency_penalty');
  if (request.presencePenalty) unsupported.add('presence_penalty');
  if (isJsonObject(request.logitBias) && Object.keys(request.logitBias).length > 0) unsupported.add('logit_bias');
  if (request.candidates !== undefined && request.candidates > 1) unsupported.add('n');
  if (request.logprobs !== undefined) unsupported.add('logprobs');
  if (request.user !== undefined) unsupported.add('user');
}

function nonEmpty(object: JsonObject): JsonObject | undefined {
  return Object.keys(object).length === 0 ? undefined : object;
}
