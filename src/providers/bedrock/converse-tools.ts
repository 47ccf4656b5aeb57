import type { ConversationRequest, JsonObject, ToolDefinition } from '../conversation.ts';
import type { Unsupported } from '../dialect.ts';
import { present } from '../json.ts';
import type { Turn } from '../turns.ts';
import type { CachePoints } from './converse-content.ts';
import type { BedrockFacts } from './model-facts.ts';

/** Tools and the choice among them. Converse has no word for "none of them" and wants tools where turns call any. */
export function writeToolConfig(
  request: ConversationRequest,
  turns: readonly Turn[],
  facts: BedrockFacts,
  cachePoints: CachePoints,
  unsupported: Unsupported,
): JsonObject | undefined {
  const choice = request.toolChoice;
  const called = calledTools(turns);
  if (choice?.kind === 'none' && called.length === 0) return undefined;
  const allowed = choice?.kind === 'allowed' ? new Set(choice.names) : undefined;
  const offered = request.tools.filter((tool) => allowed?.has(tool.name) !== false && isCarried(tool, unsupported));
  const tools = offered.flatMap((tool) => [writeTool(tool, facts, unsupported), ...cachePoints(tool.cache)]);
  if (tools.length === 0 && called.length === 0) return undefined;
  if (request.parallelToolCalls === false) unsupported.add('parallel_tool_calls');
  if (tools.length === 0) return { tools: called.map(writePastTool) };
  return present({ tools, toolChoice: writeToolChoice(choice, unsupported) });
}

/** Names of the tools that earlier turns call, each once. */
function calledTools(turns: readonly Turn[]): string[] {
  const names = new Set<string>();
  for (const { parts } of turns) for (const part of parts) if (part.kind === 'tool_call') names.add(part.name);
  return [...names];
}

function isCarried(tool: ToolDefinition, unsupported: Unsupported): boolean {
  if (tool.builtIn === undefined) return true;
  unsupported.add(`tools[].${tool.name}`);
  return false;
}

function writeTool(tool: ToolDefinition, facts: BedrockFacts, unsupported: Unsupported): JsonObject {
  const strict = tool.strict === true && facts.structuredOutput ? true : undefined;
  if (tool.strict === true && strict === undefined) unsupported.add('tools[].strict');
  return {
    toolSpec: present({
      name: tool.name,
      description: tool.description === '' ? undefined : tool.description,
      inputSchema: { json: { type: 'object', ...tool.parameters } },
      strict,
    }),
  };
}

/** A tool that the client offers no more. */
function writePastTool(name: string): JsonObject {
  const description = 'No longer available; do not call it.';
  return { toolSpec: { name, description, inputSchema: { json: { type: 'object' } } } };
}

function writeToolChoice(choice: ConversationRequest['toolChoice'], unsupported: Unsupported): JsonObject | undefined {
  switch (choice?.kind) {
    case undefined:
      return undefined;
    case 'auto':
      return { auto: {} };
    case 'required':
      return { any: {} };
    case 'tool':
      return { tool: { name: choice.name } };
    case 'allowed':
      return choice.mode === 'required' ? { any: {} } : { auto: {} };
    case 'none':
      unsupported.add('tool_choice');
      return undefined;
  }
}
