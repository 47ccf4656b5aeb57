import { parse } from 'yaml';
import type { ModelFactsIr, ProviderIr } from '../../ir/index.ts';
import type { LoadedObject } from '../../resources/index.ts';
import type { Context } from '../context.ts';

/** On an AIServiceBackend: what its models take, in YAML, where the gateway knows them not or not well. */
const FACTS_ANNOTATION = 'headgate.dev/model-facts';
/** Facts stand in the metadata of a cluster and go to the processor with every attempt. */
const MAX_BYTES = 16 * 1024;

type Facts = { readonly [key: string]: unknown };

const isText = (value: unknown): boolean => typeof value === 'string' && value !== '';
const isBoolean = (value: unknown): boolean => typeof value === 'boolean';
const isCount = (value: unknown): boolean => Number.isSafeInteger(value) && (value as number) > 0;
const isBudget = (value: unknown): boolean => {
  const { min, max, canDisable, ...rest } = isFacts(value) ? value : {};
  return isCount(min) && isCount(max) && isBoolean(canDisable) && Object.keys(rest).length === 0;
};

function oneOf(...words: readonly string[]): (value: unknown) => boolean {
  return (value) => words.includes(value as string);
}

function listOf(isItem: (value: unknown) => boolean): (value: unknown) => boolean {
  return (value) => Array.isArray(value) && value.every(isItem);
}

/** What each fact may be, and how that is said. */
const FACTS: { readonly [Key in keyof ModelFactsIr]-?: readonly [isValid: (value: unknown) => boolean, what: string] } =
  {
    models: [isText, 'a name or a pattern with *'],
    like: [isText, 'the name of a model'],
    maxOutputTokens: [isCount, 'a number of tokens'],
    defaultMaxTokens: [isCount, 'a number of tokens'],
    structuredOutput: [isBoolean, 'true or false'],
    efforts: [listOf(isText), 'a list of words'],
    thinking: [listOf(oneOf('off', 'on', 'adaptive')), 'a list of off, on, adaptive'],
    sampling: [oneOf('all', 'one', 'none'), 'one of all, one, none'],
    strict: [isBoolean, 'true or false'],
    reasoning: [oneOf('claude', 'effort', 'nova', 'none'), 'one of claude, effort, nova, none'],
    topK: [oneOf('field', 'nova', 'none'), 'one of field, nova, none'],
    caching: [isBoolean, 'true or false'],
    thinkingLevels: [listOf(oneOf('MINIMAL', 'LOW', 'MEDIUM', 'HIGH')), 'a list of MINIMAL, LOW, MEDIUM, HIGH'],
    thinkingBudget: [isBudget, 'an object of min, max and canDisable'],
    jsonSchema: [isBoolean, 'true or false'],
    mediaResolution: [isBoolean, 'true or false'],
    needsSignatures: [isBoolean, 'true or false'],
    mediaInResults: [isBoolean, 'true or false'],
  };

/** The facts that a backend brings along. A mistake leaves all of them out, with a finding: half of them could be worse than none. */
export function readModelFacts(loaded: LoadedObject, { report }: Context): Pick<ProviderIr, 'modelFacts'> {
  const text = loaded.object.metadata.annotations?.[FACTS_ANNOTATION];
  if (text === undefined) return {};
  const read = parseFacts(text);
  if (typeof read !== 'string') return read.length === 0 ? {} : { modelFacts: read };
  report.warning('HG0309', loaded, ['metadata', 'annotations', FACTS_ANNOTATION], read, {
    hint: 'a list of objects, each with models and what these take, see docs/translation.md',
  });
  return {};
}

/** Errors: what is wrong, as text. */
function parseFacts(text: string): readonly ModelFactsIr[] | string {
  if (Buffer.byteLength(text) > MAX_BYTES) return `is longer than ${MAX_BYTES} bytes`;
  let value: unknown;
  try {
    value = parse(text, { maxAliasCount: 0 });
  } catch (caught) {
    return `is not valid YAML: ${String((caught as Error).message).split('\n')[0]}`;
  }
  if (!Array.isArray(value)) return 'is not a list';
  for (const [index, row] of value.entries()) {
    const problem = problemOf(row as unknown);
    if (problem !== undefined) return `entry ${index}${problem}`;
  }
  return value as readonly ModelFactsIr[];
}

function problemOf(row: unknown): string | undefined {
  if (!isFacts(row)) return ' is not an object';
  if (row.models === undefined) return ' lacks models';
  for (const key in row) {
    const known = Object.hasOwn(FACTS, key) ? FACTS[key as keyof ModelFactsIr] : undefined;
    if (known === undefined) return `.${key} is no fact; there are ${Object.keys(FACTS).join(', ')}`;
    if (!known[0](row[key])) return `.${key} must be ${known[1]}`;
  }
  return undefined;
}

function isFacts(value: unknown): value is Facts {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
