import type { JsonObject, ToolChoice, ToolDefinition } from '../conversation.ts';
import type { Unsupported } from '../dialect.ts';
import { isJsonObject, isText } from '../json.ts';
import {
  asObject,
  booleanField,
  invalidField,
  listField,
  objectField,
  required,
  stringField,
} from '../request-fields.ts';
import { cacheMark } from './chat-parts.ts';

/** Tools of a chat request, those of the older form `functions` behind the others. */
export function readTools(body: JsonObject): ToolDefinition[] {
  const tools = (listField(body, 'tools', '') ?? []).map((item, i) =>
    readTool(asObject(item, `tools[${i}]`), `tools[${i}]`),
  );
  const functions = (listField(body, 'functions', '') ?? []).map((item, i) =>
    readFunction(asObject(item, `functions[${i}]`), `functions[${i}]`),
  );
  return [...tools, ...functions];
}

function readTool(tool: JsonObject, at: string): ToolDefinition {
  const type = required(stringField(tool, 'type', at), 'type', at);
  if (type !== 'function') return { name: type, builtIn: { api: 'chat', definition: tool } };
  const definition = required(objectField(tool, 'function', at), 'function', at);
  return { ...readFunction(definition, `${at}.function`), ...cacheMark(tool, at) };
}

/** The definition of a function: chat and Responses write it alike. */
export function readFunction(definition: JsonObject, at: string): ToolDefinition {
  const description = stringField(definition, 'description', at);
  const parameters = objectField(definition, 'parameters', at);
  const strict = booleanField(definition, 'strict', at);
  return {
    name: required(stringField(definition, 'name', at), 'name', at),
    ...(description !== undefined && { description }),
    ...(parameters !== undefined && { parameters }),
    ...(strict !== undefined && { strict }),
    ...cacheMark(definition, at),
  };
}

/** What the request says of the choice of tools. */
export function readToolChoice(body: JsonObject, unsupported: Unsupported): ToolChoice | undefined {
  const choice = body.tool_choice ?? body.function_call ?? undefined;
  const at = body.tool_choice === undefined || body.tool_choice === null ? 'function_call' : 'tool_choice';
  if (choice === undefined) return undefined;
  if (isText(choice)) return choiceOf(choice, at);
  if (!isJsonObject(choice)) throw invalidField(at, 'must be a string or an object');
  if (at === 'function_call') return { kind: 'tool', name: required(stringField(choice, 'name', at), 'name', at) };
  return readChoiceObject(choice, at, unsupported);
}

/** A choice by one word. */
export function choiceOf(word: string, at: string): ToolChoice {
  if (word === 'auto' || word === 'none' || word === 'required') return { kind: word };
  // Anthropic's word, which several providers take here.
  if (word === 'any') return { kind: 'required' };
  throw invalidField(at, 'must be one of auto, none, required');
}

function readChoiceObject(choice: JsonObject, at: string, unsupported: Unsupported): ToolChoice | undefined {
  const type = required(stringField(choice, 'type', at), 'type', at);
  if (type === 'function') {
    const named = required(objectField(choice, 'function', at), 'function', at);
    return { kind: 'tool', name: required(stringField(named, 'name', `${at}.function`), 'name', `${at}.function`) };
  }
  if (type === 'allowed_tools') {
    const path = `${at}.allowed_tools`;
    const allowed = required(objectField(choice, 'allowed_tools', at), 'allowed_tools', at);
    const names = (listField(allowed, 'tools', path) ?? []).map((item, i) => {
      const tool = asObject(item, `${path}.tools[${i}]`);
      const named = objectField(tool, 'function', `${path}.tools[${i}]`) ?? tool;
      return required(stringField(named, 'name', `${path}.tools[${i}]`), 'name', `${path}.tools[${i}]`);
    });
    return { kind: 'allowed', mode: stringField(allowed, 'mode', path) === 'required' ? 'required' : 'auto', names };
  }
  unsupported.add('tool_choice');
  return undefined;
}
