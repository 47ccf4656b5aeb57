/**
 * Goldens of translations: `translate/ENDPOINT/NAME.json` is the body of a client, and `NAME.TARGET.golden` shows for each
 * provider that needs translation what it is sent, what was reported, and what the client gets of a fixed answer. The
 * model of the body is replaced by one that the target has, as overrides of a route do.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { EndpointName, ProviderIr, ProviderSchema } from '../../src/ir/index.ts';
import { PROVIDER_SCHEMAS, servesNatively } from '../../src/providers/index.ts';
import { translates } from '../../src/providers/translated-endpoints.ts';
import {
  AZURE_KEY,
  ANTHROPIC_KEY,
  COHERE_KEY,
  type Fake,
  OPENAI_KEY,
  type Script,
  startAnthropic,
  startAzure,
  startBedrock,
  startCohere,
  startOpenAi,
  startVertex,
  VERTEX_LOCATION,
  VERTEX_PROJECT,
  VERTEX_TOKEN,
} from '../fakes/index.ts';
import { type Carried, carry, type Json, type Target } from '../unit/providers/carry.ts';

export const TRANSLATE_FOLDER = new URL('./translate', import.meta.url).pathname;

const BEDROCK_KEY = 'bedrock-key';
const VERTEX: Omit<ProviderIr, 'schema'> = { project: VERTEX_PROJECT, region: VERTEX_LOCATION };
const BEARER = { authorization: `Bearer ${VERTEX_TOKEN}` };

interface Place {
  readonly start: () => Promise<Fake>;
  readonly provider?: Omit<ProviderIr, 'schema'>;
  readonly headers: Readonly<Record<string, string>>;
  /** The model that is asked for there. */
  readonly model: string;
  /** Where an endpoint has models of its own. */
  readonly models?: Readonly<Partial<Record<EndpointName, string>>>;
}

const PLACES: Readonly<Record<ProviderSchema, Place>> = {
  OpenAI: {
    start: () => startOpenAi(),
    headers: { authorization: `Bearer ${OPENAI_KEY}` },
    model: 'gpt-4.1',
  },
  AzureOpenAI: {
    start: () => startAzure(),
    headers: { 'api-key': AZURE_KEY },
    model: 'gpt-4.1',
  },
  Anthropic: {
    start: () => startAnthropic(),
    headers: { 'x-api-key': ANTHROPIC_KEY },
    model: 'claude-sonnet-4-5',
  },
  Cohere: {
    start: () => startCohere(),
    headers: { authorization: `Bearer ${COHERE_KEY}` },
    model: 'rerank-v3.5',
  },
  AWSBedrock: {
    start: () => startBedrock({ keys: [BEDROCK_KEY] }),
    headers: { authorization: `Bearer ${BEDROCK_KEY}` },
    model: 'anthropic.claude-sonnet-4-5-20250929-v1:0',
    models: {
      embeddings: 'amazon.titan-embed-text-v2:0',
      images_generations: 'amazon.nova-canvas-v1:0',
      rerank: 'cohere.rerank-v3-5:0',
    },
  },
  AWSAnthropic: {
    start: () => startBedrock({ keys: [BEDROCK_KEY] }),
    headers: { authorization: `Bearer ${BEDROCK_KEY}` },
    model: 'anthropic.claude-sonnet-4-5-20250929-v1:0',
  },
  GCPVertexAI: {
    start: () => startVertex(),
    provider: VERTEX,
    headers: BEARER,
    model: 'gemini-2.5-flash',
    models: { embeddings: 'gemini-embedding-001', images_generations: 'imagen-4.0-generate-001' },
  },
  GCPAnthropic: {
    start: () => startVertex(),
    provider: VERTEX,
    headers: BEARER,
    model: 'claude-sonnet-4-5@20250929',
  },
};

/** What every model answers. Tools are called where the client has any. */
function scriptFor(body: Json): Script {
  const hasTools = Array.isArray(body.tools) && body.tools.length > 0;
  return {
    thinking: 'Let me think.',
    text: 'Here it is.',
    chunks: 2,
    ...(hasTools && { toolCalls: [{ id: 'call_1', name: 'get_weather', input: { city: 'Paris' } }] }),
    usage: { input: 20, output: 10, cached: 5, cacheCreation: 3 },
  };
}

/** Endpoints that have payloads, and the names of these. */
export function translateSources(): [endpoint: EndpointName, names: string[]][] {
  return readdirSync(TRANSLATE_FOLDER).map((endpoint) => [
    endpoint as EndpointName,
    readdirSync(join(TRANSLATE_FOLDER, endpoint)).flatMap((file) =>
      file.endsWith('.json') ? [file.slice(0, -'.json'.length)] : [],
    ),
  ]);
}

/** Providers to which an endpoint is translated. */
export function targetsOf(endpoint: EndpointName): ProviderSchema[] {
  return PROVIDER_SCHEMAS.filter((schema) => !servesNatively(endpoint, schema) && translates(endpoint, schema));
}

/** A server of OpenAI's API that has chat completions and a tokenizer alone, and what is translated there beside Anthropic's API. */
export const CHAT_ALONE = 'OpenAI-chat';
const CHAT_ALONE_PATHS = ['/v1/chat/completions', '/tokenize'];
const CARRIED_BY_CHAT: readonly EndpointName[] = ['completions', 'responses', 'responses_input_tokens'];

/** Names of all who have a golden of an endpoint's payloads. */
export function goldenTargetsOf(endpoint: EndpointName): string[] {
  return [...targetsOf(endpoint), ...(CARRIED_BY_CHAT.includes(endpoint) ? [CHAT_ALONE] : [])];
}

/** A model that a provider has for conversations. */
export function modelAt(schema: ProviderSchema): string {
  return PLACES[schema].model;
}

export async function startChatAlone(): Promise<Target> {
  return {
    provider: { schema: 'OpenAI', endpoints: ['chat_completions', 'tokenize'] },
    fake: await startOpenAi({ endpoints: CHAT_ALONE_PATHS, isOpen: true }),
    headers: {},
  };
}

/** Fakes of all providers, and how to get at them. */
export async function startTargets(): Promise<ReadonlyMap<ProviderSchema, Target>> {
  const started = PROVIDER_SCHEMAS.map(async (schema): Promise<[ProviderSchema, Target]> => {
    const { start, provider, headers } = PLACES[schema];
    return [schema, { provider: { schema, ...provider }, fake: await start(), headers }];
  });
  return new Map(await Promise.all(started));
}

/** A golden. Shape: `file` below `TRANSLATE_FOLDER`. */
export async function renderTranslation(
  endpoint: EndpointName,
  name: string,
  target: Target,
): Promise<{ file: string; text: string; accepted: boolean }> {
  const { schema, endpoints } = target.provider;
  const { carried } = await carryPayload(endpoint, name, target);
  const accepted = carried.sent === undefined || carried.status === 200;
  return { file: join(endpoint, `${name}.${endpoints ? CHAT_ALONE : schema}.golden`), text: textOf(carried), accepted };
}

/** The model that is asked for at a provider. */
export function modelOf(endpoint: EndpointName, schema: ProviderSchema): string {
  const { model, models } = PLACES[schema];
  return models?.[endpoint] ?? model;
}

/** A payload on its way to a provider and back. */
export async function carryPayload(
  endpoint: EndpointName,
  name: string,
  target: Target,
): Promise<{ body: Json; carried: Carried }> {
  const payload = JSON.parse(readFileSync(join(TRANSLATE_FOLDER, endpoint, `${name}.json`), 'utf8')) as Json;
  const body = { ...payload, model: modelOf(endpoint, target.provider.schema) };
  // Numbers of requests stand in the ids that fakes give.
  await target.fake.reset();
  target.fake.settings.script = scriptFor(body);
  return { body, carried: await carry(target, endpoint, body) };
}

function textOf({ sent, unsupported, status, contentType, text }: Carried): string {
  const request =
    sent === undefined
      ? ['refused']
      : [
          `POST ${sent.path}`,
          ...sent.headers.map(([name, value]) => `${name}: ${value}`),
          ...unsupported.map((field) => `(unsupported) ${field}`),
          '',
          JSON.stringify(sent.body, null, 2),
        ];
  const isStream = contentType === 'text/event-stream';
  const answer = isStream ? text.trimEnd() : JSON.stringify(JSON.parse(text), null, 2);
  return `${[...request, '', `${status} ${contentType}`, '', answer].join('\n')}\n`;
}
