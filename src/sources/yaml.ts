import {
  type Document,
  type DocumentOptions,
  isScalar,
  LineCounter,
  type ParseOptions,
  parseAllDocuments,
  parseDocument,
  type ScalarTag,
  type SchemaOptions,
  visit,
  type YAMLError,
} from 'yaml';
import { type FieldPath, type Finding, formatFieldPath } from '../lib/findings.ts';
import type { Locate } from '../resources/object.ts';
import { fieldOf, objectNameOf } from './document-names.ts';
import type { Environment } from './environment.ts';
import { createLocate, placeAt } from './locate.ts';
import { substituteVariables } from './variables.ts';

/** One YAML document as plain JSON values, variables replaced. */
export interface RawDocument {
  readonly value: unknown;
  readonly locate: Locate;
}

/** What a text held. Documents that are empty or hold comments alone are left out. */
export interface ParsedYaml {
  readonly documents: readonly RawDocument[];
  readonly findings: readonly Finding[];
}

/**
 * kubectl reads an unquoted yes, no, on, off, y and n as booleans, YAML 1.2 as strings. A file must mean the same in a
 * cluster and here, so they are booleans; octal and base-60 numbers of YAML 1.1 are not taken over.
 */
const kubernetesBoolean: ScalarTag = {
  tag: 'tag:yaml.org,2002:bool',
  default: true,
  test: /^(?:y|Y|yes|Yes|YES|on|On|ON|n|N|no|No|NO|off|Off|OFF)$/,
  resolve: (text) => /^(?:y|on)/i.test(text),
};

const SYNTAX: DocumentOptions & ParseOptions & SchemaOptions = {
  version: '1.2',
  schema: 'core',
  customTags: (tags) => [...tags, kubernetesBoolean],
  merge: true,
  resolveKnownTags: false,
  uniqueKeys: true,
  // The library's own pretty messages quote the source, which may hold a secret.
  prettyErrors: false,
  // Nor may it warn on standard error.
  logLevel: 'error',
};

/** How often one anchor may be expanded, how deep and how large a document may be: against files made to exhaust memory. */
const MAX_ALIASES = 1000;
const MAX_DEPTH = 100;
const MAX_NODES = 1_000_000;

/** The text being read. */
interface Input {
  readonly file: string;
  readonly text: string;
  readonly lines: LineCounter;
  readonly env: Environment;
}

/** Fixed texts, because some of the library's messages quote the source. */
const SYNTAX_MESSAGES: Readonly<Partial<Record<YAMLError['code'], string>>> = {
  BAD_ALIAS: 'an alias or anchor is not valid',
  BAD_DQ_ESCAPE: 'an escape in a double-quoted string is not valid',
  BAD_INDENT: 'the indentation is wrong',
  BAD_SCALAR_START: 'a plain value cannot start with this character',
  BLOCK_AS_IMPLICIT_KEY: 'a nested mapping cannot stand on the line of its key',
  DUPLICATE_KEY: 'a key stands twice in one mapping',
  MISSING_CHAR: 'a character is missing: a colon, comma, quote or bracket',
  MULTILINE_IMPLICIT_KEY: 'a key goes over more than one line, or a colon is missing',
  TAB_AS_INDENT: 'tabs cannot indent',
  TAG_RESOLVE_FAILED: 'a tag is not known',
  UNEXPECTED_TOKEN: 'unexpected text',
};

/** A text that is YAML but no JSON value, or too large: where and why. */
class ValueProblem extends Error {
  readonly path: FieldPath;

  constructor(path: FieldPath, message: string) {
    super(message);
    this.path = path;
  }
}

/** Copies to plain JSON values, so that aliases share nothing and no cycle or foreign type goes on. */
function toPlain(value: unknown, path: FieldPath, budget: { nodes: number }): unknown {
  if (path.length > MAX_DEPTH) {
    throw new ValueProblem([], `nested deeper than ${MAX_DEPTH} levels, or an alias holds itself`);
  }
  budget.nodes -= 1;
  if (budget.nodes < 0) throw new ValueProblem([], `more than ${MAX_NODES} values in one document`);
  if (value === null || typeof value === 'string' || typeof value === 'boolean') return value;
  if (typeof value === 'number' && Number.isFinite(value)) return value;
  if (Array.isArray(value)) return value.map((item: unknown, index) => toPlain(item, [...path, index], budget));
  if (typeof value !== 'object' || Object.getPrototypeOf(value) !== Object.prototype) {
    throw new ValueProblem(path, 'the value cannot be written as JSON');
  }
  const copy: Record<string, unknown> = {};
  for (const [key, item] of Object.entries(value)) {
    if (key === '__proto__') throw new ValueProblem(path, 'a key cannot be __proto__');
    copy[key] = toPlain(item, [...path, key], budget);
  }
  return copy;
}

/** Reads a replaced plain scalar as YAML would, but only ever as one scalar: a variable cannot bring in structure. */
function scalarValue(text: string): unknown {
  if (text === '') return text;
  const { contents, errors } = parseDocument(text, SYNTAX);
  return errors.length === 0 && isScalar(contents) && contents.type === 'PLAIN' && contents.source === text
    ? contents.value
    : text;
}

function replaceVariables(doc: Document, { file, lines, env }: Input): Finding[] {
  const findings: Finding[] = [];
  visit(doc, {
    Pair(_key, pair) {
      if (!isScalar(pair.key)) throw new ValueProblem([], 'a key must be a string');
    },
    Scalar(key, node, ancestors) {
      if (key === 'key' || typeof node.value !== 'string') return;
      const result = substituteVariables(node.value, env);
      if (!result) return;
      for (const name of result.unset) {
        findings.push({
          code: 'HG0104',
          level: 'error',
          message: `variable ${name} is not set and has no default`,
          place: placeAt(file, lines, node.range?.[0] ?? 0),
          field: fieldOf(node, ancestors),
          hint: `set ${name}, or write \${${name}:=default}`,
        });
      }
      const untyped = result.whole && node.type === 'PLAIN' && node.tag === undefined;
      node.value = untyped ? scalarValue(result.text) : result.text;
    },
  });
  return findings;
}

function syntaxFinding(problem: YAMLError, { file, text, lines }: Input): Finding {
  const variable = text.startsWith('${', problem.pos[0] - 1);
  return {
    code: 'HG0102',
    level: problem.name === 'YAMLWarning' ? 'warning' : 'error',
    message: SYNTAX_MESSAGES[problem.code] ?? 'the text is not valid YAML',
    place: placeAt(file, lines, problem.pos[0]),
    ...(variable && { hint: 'quote "${NAME}" inside [] and {}' }),
  };
}

/** The library throws for unknown and excessive aliases (ReferenceError) and for nesting beyond the stack (RangeError). */
function thrownMessage(caught: unknown): string {
  if (caught instanceof ReferenceError) return 'an alias names no anchor before it, or aliases expand too often';
  if (caught instanceof RangeError) return `nested deeper than ${MAX_DEPTH} levels`;
  return 'the text is not valid YAML';
}

function readDocument(doc: Document, input: Input): ParsedYaml {
  const findings = [...doc.errors, ...doc.warnings].map((problem) => syntaxFinding(problem, input));
  if (doc.errors.length > 0) return { documents: [], findings };
  const locate = createLocate(input.file, input.lines, doc);
  try {
    const unset = replaceVariables(doc, input);
    const value = toPlain(doc.toJS({ maxAliasCount: MAX_ALIASES }), [], { nodes: MAX_NODES });
    const object = objectNameOf(value);
    findings.push(...unset.map((finding) => ({ ...finding, ...(object !== undefined && { object }) })));
    return { documents: value === null ? [] : [{ value, locate }], findings };
  } catch (caught) {
    const path = caught instanceof ValueProblem ? caught.path : [];
    const message = caught instanceof ValueProblem ? caught.message : thrownMessage(caught);
    const place = locate(path);
    const field = formatFieldPath(path);
    findings.push({ code: 'HG0102', level: 'error', message, ...(place && { place }), ...(field && { field }) });
    return { documents: [], findings };
  }
}

/**
 * Reads a text of YAML documents, replaces variables in its values (never in keys), and remembers where each field stands.
 * Errors: HG0102 for what is not YAML or not expressible as JSON, HG0104 for variables; never a quote of the text.
 */
export function parseYaml(file: string, text: string, env: Environment): ParsedYaml {
  const lines = new LineCounter();
  const input: Input = { file, text, lines, env };
  let parsed: ReturnType<typeof parseAllDocuments>;
  try {
    parsed = parseAllDocuments(text, { ...SYNTAX, lineCounter: lines });
  } catch (caught) {
    const place = { file, line: 1, column: 1 };
    return { documents: [], findings: [{ code: 'HG0102', level: 'error', message: thrownMessage(caught), place }] };
  }
  const documents: RawDocument[] = [];
  const findings: Finding[] = [];
  for (const doc of parsed) {
    const result = readDocument(doc, input);
    documents.push(...result.documents);
    findings.push(...result.findings);
  }
  if ('empty' in parsed) {
    findings.push(...parsed.errors.map((problem) => syntaxFinding(problem, input)));
  }
  return { documents, findings };
}
