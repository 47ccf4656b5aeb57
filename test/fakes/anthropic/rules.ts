/** What the messages API refuses beyond shapes: turns, tools, cache marks, and Claude's own rules. */
import { claudeProblem, type Turn } from '../claude-rules.ts';
import { asObject } from '../fields.ts';
import { type Shape, shapeProblem } from '../shape.ts';
import { problemText, toolShape } from './shape.ts';

type Json = Readonly<Record<string, unknown>>;

interface Message {
  readonly role: string;
  readonly content: readonly Json[];
  /** Where the message stands in the request. */
  readonly index: number;
}

/** What is wrong with a body, in the words of the API. Shape: `model` as the request or its path names it. */
export function messagesProblem(body: Json, shape: Shape, model: string, refuseUnknown: boolean): string | undefined {
  const wrong = shapeProblem(body, shape, { nullable: true, refuseUnknown });
  if (wrong !== undefined) return problemText(wrong);
  const messages = (body.messages as readonly Json[]).map(messageOf);
  return (
    contentProblem(messages) ??
    toolsProblem(body, messages, refuseUnknown) ??
    pairsProblem(merged(messages)) ??
    cacheProblem(body, messages) ??
    samplingProblem(body, model) ??
    claudeProblem(messages.map(turnOf), {
      ...{ maxTokens: body.max_tokens as number | undefined, temperature: body.temperature, topP: body.top_p },
      ...{ topK: body.top_k, thinking: asObject(body.thinking) },
      toolChoice: asObject(body.tool_choice)?.type as string | undefined,
    })
  );
}

function messageOf(message: Json, index: number): Message {
  const { role, content } = message;
  const blocks = typeof content === 'string' ? (content === '' ? [] : [{ type: 'text', text: content }]) : content;
  return { role: String(role), content: blocks as readonly Json[], index };
}

/** Turns of one role that follow each other count as one. */
function merged(messages: readonly Message[]): Message[] {
  const turns: Message[] = [];
  for (const message of messages) {
    const last = turns.at(-1);
    if (last?.role !== message.role) turns.push(message);
    else turns[turns.length - 1] = { ...last, content: [...last.content, ...message.content] };
  }
  return turns;
}

function contentProblem(messages: readonly Message[]): string | undefined {
  if (messages.length === 0) return 'messages: at least one message is required';
  if (messages[0]?.role !== 'user') return 'messages: first message must use the "user" role';
  for (const { role, content, index } of messages) {
    const mayBeEmpty = role === 'assistant' && index === messages.length - 1;
    if (content.length === 0 && !mayBeEmpty) {
      return `messages.${index}: all messages must have non-empty content except for the optional final assistant message`;
    }
    for (const [place, block] of content.entries()) {
      const at = `messages.${index}.content.${place}`;
      if (block.type === 'text' && block.text === '') return 'messages: text content blocks must be non-empty';
      if (block.type === 'text' && String(block.text).trim() === '') {
        return 'messages: text content blocks must contain non-whitespace text';
      }
      if (role === 'user' && block.type === 'tool_use')
        return `${at}: \`tool_use\` blocks can only be in \`assistant\` messages`;
      if (role === 'assistant' && block.type === 'tool_result') {
        return `${at}: \`tool_result\` blocks can only be in \`user\` messages`;
      }
      if (role === 'assistant' && (block.type === 'image' || block.type === 'document')) {
        return `${at}: \`${block.type}\` blocks are not permitted in \`assistant\` messages`;
      }
    }
  }
  return undefined;
}

function toolsProblem(body: Json, messages: readonly Message[], refuseUnknown: boolean): string | undefined {
  const tools = (body.tools ?? []) as readonly Json[];
  for (const [index, tool] of tools.entries()) {
    const wrong = shapeProblem(tool, toolShape(tool), { nullable: true, refuseUnknown }, ['tools', index, 'custom']);
    if (wrong !== undefined) return problemText(wrong);
    const schema = asObject(tool.input_schema);
    if (schema !== undefined && schema.type !== 'object') {
      return `tools.${index}.custom.input_schema.type: Input should be 'object'`;
    }
  }
  const names = tools.map(({ name }) => String(name));
  if (new Set(names).size !== names.length) return 'tools: Tool names must be unique.';
  const choice = asObject(body.tool_choice);
  if (choice !== undefined && tools.length === 0) {
    return 'tool_choice: `tool_choice` may only be specified while providing `tools`.';
  }
  if (choice?.type === 'tool' && !names.includes(String(choice.name))) {
    return `Tool '${String(choice.name)}' not found in provided tools`;
  }
  const usesTools = messages.some(({ content }) =>
    content.some(({ type }) => type === 'tool_use' || type === 'tool_result'),
  );
  if (usesTools && tools.length === 0) {
    return 'Requests which include `tool_use` or `tool_result` blocks must define tools';
  }
  return undefined;
}

function pairsProblem(turns: readonly Message[]): string | undefined {
  const all: string[] = [];
  for (const [place, { role, content, index }] of turns.entries()) {
    if (role === 'assistant') {
      const uses = idsOf(content, 'tool_use', 'id');
      all.push(...uses);
      const next = turns[place + 1]?.content ?? [];
      // Results stand before everything else of the next turn.
      const leading = next.slice(0, lastResult(next) + 1).every(({ type }) => type === 'tool_result') ? next : [];
      const missing = uses.filter((id) => !idsOf(leading, 'tool_result', 'tool_use_id').includes(id));
      if (missing.length > 0) {
        const found = `messages.${index}: \`tool_use\` ids were found without \`tool_result\` blocks immediately after`;
        return `${found}: ${missing.join(', ')}. Each \`tool_use\` block must have a corresponding \`tool_result\` block in the next message.`;
      }
      continue;
    }
    const asked = idsOf(turns[place - 1]?.content ?? [], 'tool_use', 'id');
    const results = idsOf(content, 'tool_result', 'tool_use_id');
    const stray = results.find((id) => !asked.includes(id));
    if (stray !== undefined) {
      const at = `messages.${index}.content.${content.findIndex((block) => block.tool_use_id === stray)}`;
      return `${at}: unexpected \`tool_use_id\` found in \`tool_result\` blocks: ${stray}. Each \`tool_result\` block must have a corresponding \`tool_use\` block in the previous message.`;
    }
    if (new Set(results).size !== results.length) {
      return `messages.${index}: each tool_use must have a single result. Found multiple \`tool_result\` blocks with one id`;
    }
  }
  return new Set(all).size === all.length ? undefined : 'messages: `tool_use` ids must be unique';
}

function idsOf(content: readonly Json[], type: string, field: string): string[] {
  return content.flatMap((block) => (block.type === type ? [String(block[field])] : []));
}

function lastResult(content: readonly Json[]): number {
  return content.findLastIndex(({ type }) => type === 'tool_result');
}

const CACHE_MARKS = 4;

function cacheProblem(body: Json, messages: readonly Message[]): string | undefined {
  const system = Array.isArray(body.system) ? (body.system as readonly Json[]) : [];
  const nested = messages.flatMap(({ content }) => content.flatMap((block) => [...contentOf(block), block]));
  const marks = [...((body.tools ?? []) as readonly Json[]), ...system, ...nested, body].flatMap((item: Json) => {
    const mark = asObject(item.cache_control);
    return mark === undefined ? [] : [mark];
  });
  if (marks.length > CACHE_MARKS) {
    return `A maximum of ${CACHE_MARKS} blocks with cache_control may be provided. Found ${marks.length}.`;
  }
  const firstShort = marks.findIndex(({ ttl }) => ttl !== '1h');
  if (firstShort >= 0 && marks.slice(firstShort).some(({ ttl }) => ttl === '1h')) {
    return "a ttl='1h' cache_control block must not come after a ttl='5m' cache_control block.";
  }
  return undefined;
}

function contentOf(block: Json): readonly Json[] {
  return block.type === 'tool_result' && Array.isArray(block.content) ? (block.content as readonly Json[]) : [];
}

// From Opus 4.1 on, a request names one of the two.
const ONE_SAMPLER = /claude-(opus-4-1|(opus|sonnet|haiku)-4-[5-9])/;

function samplingProblem(body: Json, model: string): string | undefined {
  const { temperature, top_p: topP, stop_sequences: stops } = body;
  if (typeof temperature === 'number' && typeof topP === 'number' && ONE_SAMPLER.test(model)) {
    return '`temperature` and `top_p` cannot both be specified for this model. Please use only one.';
  }
  if (((stops ?? []) as readonly string[]).some((stop) => stop.trim() === '')) {
    return 'stop_sequences: each stop sequence must contain non-whitespace';
  }
  const format = asObject(body.output_config)?.format ?? body.output_format;
  if (asObject(format) !== undefined && /claude-(2|3|instant|(opus|sonnet)-4-(0|20))/.test(model)) {
    return `'${model}' does not support output format.`;
  }
  return undefined;
}

function turnOf({ role, content }: Message): Turn {
  return {
    role,
    blocks: content.map((block) => ({
      kind: String(block.type),
      text: String(block.type === 'thinking' ? block.thinking : (block.text ?? '')),
      signature: block.signature as string | undefined,
      data: String(block.data ?? ''),
    })),
  };
}
