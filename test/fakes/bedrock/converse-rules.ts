/** What Converse refuses beyond the shape of the request: turns, tools, documents, and Claude's own rules. */
import { type ClaudeParameters, claudeProblem, type Turn, type TurnBlock } from '../claude-rules.ts';
import { asObject } from '../fields.ts';
import { invalid } from './errors.ts';

type Json = Readonly<Record<string, unknown>>;

interface Message {
  readonly role: string;
  readonly content: readonly Json[];
}

/** Refuses what the service and the model would. Shape: `body` fits the shape. Errors: throws `Refusal`. */
export function requireConversation(body: Json, model: string): void {
  const messages = (body.messages ?? []) as readonly Message[];
  requireTurns(messages);
  requireTools(body, messages);
  messages.forEach(requireBlocks);
  if (model.includes('anthropic.')) requireClaude(body, messages);
  const format = asObject(asObject(asObject(body.outputConfig)?.textFormat)?.structure);
  const schema = asObject(format?.jsonSchema)?.schema;
  if (schema !== undefined) requireJsonSchema(String(schema));
}

function requireTurns(messages: readonly Message[]): void {
  if (messages.length === 0 || messages[0]?.role !== 'user') {
    const rule = 'A conversation must start with a user message.';
    throw invalid(`${rule} Try again with a conversation that starts with a user message.`);
  }
  for (const [index, message] of messages.entries()) {
    if (message.role === messages[index - 1]?.role) {
      const rule = 'A conversation must alternate between user and assistant roles.';
      throw invalid(`${rule} Make sure the conversation alternates between user and assistant roles and try again.`);
    }
    if (message.content.length === 0) {
      const what = `The content field in the Message object at messages.${index} is empty.`;
      throw invalid(`${what} Add a ContentBlock object to the content field and try again.`);
    }
  }
}

function requireTools(body: Json, messages: readonly Message[]): void {
  const config = asObject(body.toolConfig);
  const usesTools = messages.some(({ content }) => content.some((block) => block.toolUse ?? block.toolResult));
  if (usesTools && config === undefined) {
    throw invalid('The toolConfig field must be defined when using toolUse and toolResult content blocks.');
  }
  requireToolSpecs(config);
  for (const [index, message] of messages.entries()) requireResults(messages, index, message);
}

function requireToolSpecs(config: Json | undefined): void {
  const specs = ((config?.tools ?? []) as readonly Json[]).map((tool) => asObject(tool.toolSpec));
  for (const [index, spec] of specs.entries()) {
    const schema = asObject(asObject(spec?.inputSchema)?.json);
    if (spec !== undefined && schema?.type !== 'object') {
      const at = `toolConfig.tools.${index}.toolSpec.inputSchema.json.type`;
      throw invalid(`The value at ${at} must be one of the following: object.`);
    }
  }
  const names = specs.flatMap((spec) => (spec === undefined ? [] : [String(spec.name)]));
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice !== undefined) throw invalid(`The tool name ${twice} is already in use. Each tool name must be unique.`);
  const chosen = asObject(asObject(config?.toolChoice)?.tool)?.name;
  if (config !== undefined && names.length === 0) throw invalid('toolConfig.tools must contain at least one toolSpec.');
  if (chosen !== undefined && !names.includes(String(chosen))) {
    throw invalid(`The tool ${String(chosen)} in toolConfig.toolChoice is not one of toolConfig.tools.`);
  }
}

/** Each use is answered in the next turn, all uses of a turn in that one turn, and nothing else is answered. */
function requireResults(messages: readonly Message[], index: number, message: Message): void {
  const uses = idsOf(message, 'toolUse');
  const results = idsOf(message, 'toolResult');
  if (message.role === 'user') {
    if (uses.length > 0)
      throw invalid('User messages cannot contain tool uses. Please remove the tool uses and try again.');
    const asked = index === 0 ? [] : idsOf(messages[index - 1] as Message, 'toolUse');
    const missing = asked.filter((id) => !results.includes(id));
    if (missing.length > 0) {
      throw invalid(
        `Expected toolResult blocks at messages.${index}.content for the following Ids: ${missing.join(', ')}`,
      );
    }
    if (results.length > asked.length || results.some((id) => !asked.includes(id))) {
      const at = `messages.${index}.content`;
      throw invalid(`The number of toolResult blocks at ${at} exceeds the number of toolUse blocks of previous turn.`);
    }
    return;
  }
  if (results.length > 0)
    throw invalid('Assistant messages cannot contain tool results. Please remove the tool results.');
  if (new Set(uses).size !== uses.length) throw invalid('The toolUse blocks of a turn contain duplicate Ids.');
  if (uses.length > 0 && index === messages.length - 1) {
    throw invalid(
      `Expected toolResult blocks at messages.${index + 1}.content for the following Ids: ${uses.join(', ')}`,
    );
  }
}

function idsOf(message: Message, member: 'toolUse' | 'toolResult'): string[] {
  return message.content.flatMap((block) => {
    const id = asObject(block[member])?.toolUseId;
    return id === undefined ? [] : [String(id)];
  });
}

const USER_ONLY = ['image', 'document', 'video', 'audio', 'guardContent', 'searchResult'];

function requireBlocks({ role, content }: Message, index: number): void {
  for (const [place, block] of content.entries()) {
    const at = `messages.${index}.content.${place}`;
    if (typeof block.text === 'string' && block.text.trim() === '') {
      throw invalid(
        `The text field in the ContentBlock object at ${at} is blank. Add text to the text field, and try again.`,
      );
    }
    const media = USER_ONLY.find((member) => block[member] !== undefined);
    if (role === 'assistant' && media !== undefined)
      throw invalid(`${at}: ${media} blocks are only allowed in user messages.`);
    if (block.cachePoint !== undefined && place === 0) throw invalid(`${at}: a cachePoint must follow other content.`);
  }
  const names = content.flatMap((block) => asObject(block.document)?.name ?? []);
  if (new Set(names).size !== names.length) throw invalid('Document names must be unique within a request.');
  if (names.length > 0 && !content.some((block) => block.text !== undefined)) {
    throw invalid('A text block must accompany a document in a message.');
  }
}

const CLAUDE_FIELDS = new Set([
  'thinking',
  'reasoning_config',
  'top_k',
  'anthropic_beta',
  'output_config',
  'tools',
  'tool_choice',
]);

function requireClaude(body: Json, messages: readonly Message[]): void {
  const extra = asObject(body.additionalModelRequestFields) ?? {};
  const unknown = Object.keys(extra).find((key) => !CLAUDE_FIELDS.has(key));
  if (unknown !== undefined) {
    throw invalid(`The model returned the following errors: ${unknown}: Extra inputs are not permitted`);
  }
  const problem = claudeProblem(messages.map(turnOf), parametersOf(body, extra)) ?? cacheProblem(body, messages);
  if (problem !== undefined) throw invalid(`The model returned the following errors: ${problem}`);
}

function parametersOf(body: Json, extra: Json): ClaudeParameters {
  const inference = asObject(body.inferenceConfig) ?? {};
  const choice = Object.keys(asObject(asObject(body.toolConfig)?.toolChoice) ?? {})[0];
  return {
    ...{ maxTokens: inference.maxTokens as number | undefined, temperature: inference.temperature },
    ...{ topP: inference.topP, topK: extra.top_k, thinking: asObject(extra.thinking), toolChoice: choice },
  };
}

function turnOf({ role, content }: Message): Turn {
  return { role, blocks: content.map(blockOf) };
}

function blockOf(block: Json): TurnBlock {
  const reasoning = asObject(block.reasoningContent);
  const plain = asObject(reasoning?.reasoningText);
  if (plain !== undefined) {
    return { kind: 'thinking', text: String(plain.text), signature: plain.signature as string | undefined };
  }
  if (reasoning !== undefined) return { kind: 'redacted_thinking', data: String(reasoning.redactedContent) };
  if (typeof block.text === 'string') return { kind: 'text', text: block.text };
  if (block.toolUse !== undefined) return { kind: 'tool_use' };
  return { kind: block.toolResult === undefined ? 'other' : 'tool_result' };
}

const CACHE_POINTS = 4;

function cacheProblem(body: Json, messages: readonly Message[]): string | undefined {
  const lists = [body.system, asObject(body.toolConfig)?.tools, ...messages.map(({ content }) => content)];
  const points = (lists as (readonly Json[] | undefined)[]).flatMap((items) => items ?? []);
  const count = points.filter((item) => item.cachePoint !== undefined).length;
  if (count <= CACHE_POINTS) return undefined;
  return `A maximum of ${CACHE_POINTS} blocks with cache_control may be provided. Found ${count}.`;
}

function requireJsonSchema(schema: string): void {
  try {
    if (asObject(JSON.parse(schema)) !== undefined) return;
  } catch {
    // Refused below, as a schema that is no object.
  }
  throw invalid('outputConfig.textFormat.structure.jsonSchema.schema: is not a valid JSON schema.');
}
